// PocketBase's activity log keeps a request's URL with its query, where an mfa id may stand.

const NAMES = ["mfaId", "password", "token"];

/**
 * Runs a handler, then takes the secrets out of the URL that the log will show.
 *
 * @param {core.RequestEvent} e
 * @param {() => any} handler
 */
function unlogged(e, handler) {
  try {
    return handler();
  } finally {
    const query = e.request.url.query();
    const present = NAMES.filter((name) => query.has(name));
    if (present.length > 0) {
      present.forEach((name) => query.set(name, "hidden"));
      e.request.url.rawQuery = query.encode();
    }
  }
}

module.exports = { unlogged };
