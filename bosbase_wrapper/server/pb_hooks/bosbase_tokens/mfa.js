// An mfa id works once. PocketBase checks an id and deletes it in two steps, between which requests of the same
// moment slip through: here one request at a time may use an id, and the next finds it gone.

const secrets = require(`${__hooks}/bosbase_tokens/secrets.js`);

/**
 * The id that the server will read: the query's, else the body's; "" where there is none.
 *
 * @param {core.RequestEvent} e
 * @returns {string}
 */
function mfaId(e) {
  const form = new DynamicModel({ mfaId: "" });
  try {
    e.bindBody(form);
  } catch {
    // The server reads the body too, and says what is wrong with it.
  }
  return e.request.url.query().get("mfaId") || form.mfaId;
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
  const store = e.app.store();
  const key = "bosbase_tokens.mfa." + id;
  let isFree = false;
  store.setFunc(key, (taken) => {
    isFree = !taken;
    return true;
  });
  if (!isFree) {
    throw new BadRequestError("Invalid or expired MFA session.");
  }
  try {
    return signIn();
  } finally {
    store.remove(key);
  }
}

/** The same for the sign-in methods that PocketBase brings. */
function onceForHook(e) {
  const request = e.requestEvent;
  return secrets.unlogged(request, () => once(request, e.collection, () => e.next()));
}

module.exports = { once, onceForHook };
