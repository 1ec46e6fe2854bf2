// PocketBase's activity log keeps the URL of each request, with its query. This hides the secrets in it when a log
// line is written, so it does not matter which route, if any, the request reached.

// A name that contains one of these words, up to its "=". Everything between it and the next "&" may be the secret.
const NAMED = /(?:mfaid|password|token|jsonpayload)[^?&=/;]*=/i;
const LEVELS = 4; // a URL can be the value of a parameter of a URL, and so on

/** Decodes percent escapes. In text that is not valid it decodes those of ASCII. */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text.replace(/%[0-7][0-9a-f]/gi, decodeURIComponent);
  }
}

/** Hides what follows the name of a secret, however often the name is escaped. */
function withoutSecret(part) {
  let text = part;
  let isSecret = false;
  for (let level = 0; level < LEVELS; level += 1) {
    const found = NAMED.exec(text);
    if (found) {
      text = `${text.slice(0, found.index)}${found[0]}hidden`;
      isSecret = true;
    }
    text = decoded(text);
  }
  return isSecret ? text : part;
}

/**
 * Replaces the values of secret parameters in a URL, also in a URL that is the value of a parameter.
 *
 * @param {string} url
 * @returns {string}
 */
function redacted(url) {
  return url.split("&").map(withoutSecret).join("&");
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
