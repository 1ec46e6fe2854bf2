// PocketBase's activity log keeps the URL of each request, with its query. This hides the secrets in it when a log
// line is written, so it does not matter which route, if any, the request reached.

const SECRET = /mfaid|password|token|jsonpayload/i;
const PARAMETER = /([^?&;=/\s]+)=([^&;\s]*)/g;
const NESTED = /((?:mfaid|password|token|jsonpayload)[^?&;=/\s]*)=(?!hidden(?:[&;\s]|$))[^&;\s]*/gi;

/** Decodes percent escapes, and leaves text that is not valid. */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/**
 * Replaces the values of secret parameters in a URL, also in a URL that is the value of a parameter.
 *
 * @param {string} url
 * @returns {string}
 */
function redacted(url) {
  const safe = url.replace(PARAMETER, (pair, name) => (SECRET.test(decoded(name)) ? `${name}=hidden` : pair));
  const text = decoded(safe);
  const nested = text.replace(NESTED, "$1=hidden");
  return nested === text ? safe : nested;
}

/**
 * Hides secrets in the log line of a request before it is written.
 *
 * @param {core.ModelEvent} e
 */
function hide(e) {
  const data = e.model.data;
  if (data.get("type") === "request") {
    const [url, referer] = [String(data.get("url")), String(data.get("referer"))];
    const safe = redacted(url);
    if (safe !== url) {
      data.set("url", safe);
      e.model.message = `${data.get("method")} ${safe}`; // it repeats the URL, unescaped
    }
    data.set("referer", redacted(referer));
  }
  return e.next();
}

module.exports = { hide };
