// An mfa id works once. PocketBase checks an id and deletes it in two steps, between which requests of the same
// moment slip through: here they go one after the other, and all but the first to succeed find it gone.

const secrets = require(`${__hooks}/bosbase_tokens/secrets.js`);

const PATIENCE_MS = 5000;

/**
 * The id that the server will read: the query's, else the body's; "" where there is none.
 *
 * @param {core.RequestEvent} e
 * @returns {string}
 */
function mfaId(e) {
  const info = e.requestInfo();
  return String(info.query["mfaId"] || info.body["mfaId"] || "");
}

/**
 * Takes what no one else holds, and tells whether it did.
 *
 * @param {core.App} app
 * @param {string} key
 */
function take(app, key) {
  let isMine = false;
  app.store().setFunc(key, (taken) => {
    isMine = !taken;
    return true;
  });
  return isMine;
}

/**
 * Runs a sign-in as the only one that uses its mfa id at this moment.
 *
 * @param {core.RequestEvent} e
 * @param {core.Collection} collection
 * @param {() => any} signIn
 */
function once(e, collection, signIn) {
  const id = collection.mfa.enabled && mfaId(e);
  if (!id) {
    return signIn();
  }
  const key = "bosbase_tokens.mfa." + id;
  const ends = Date.now() + PATIENCE_MS;
  while (!take(e.app, key)) {
    if (Date.now() > ends) {
      throw new BadRequestError("Invalid or expired MFA session.");
    }
    sleep(2);
  }
  try {
    return signIn();
  } finally {
    e.app.store().remove(key);
  }
}

/** The same for the sign-in methods that PocketBase brings. */
function onceForHook(e) {
  const request = e.requestEvent;
  return secrets.unlogged(request, () => once(request, e.collection, () => e.next()));
}

module.exports = { once, onceForHook };
