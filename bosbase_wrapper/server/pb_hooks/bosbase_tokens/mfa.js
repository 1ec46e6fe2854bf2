// An MFA id works once. PocketBase checks an id and then deletes it, so requests at the same moment could all use it.
// Here the sign-ins of an account with MFA run one after the other: an id belongs to one account. Which id a request
// names, and where, is for PocketBase alone to read.

const PATIENCE_MS = 20000; // longer than a mail server that does not answer holds up a sign-in

/**
 * Takes a lock if nobody else holds it.
 *
 * @param {core.App} app
 * @param {string} key
 * @returns {boolean} whether it was free
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
 * Runs a sign-in while no other sign-in of the same account runs. All methods of authentication come through here.
 *
 * @param {core.RecordAuthRequestEvent} e
 */
function oneAtATime(e) {
  if (!e.authMethod || !e.collection.mfa.enabled) {
    return e.next();
  }
  const key = `bosbase_tokens.mfa.${e.collection.id}.${e.record.id}`;
  const deadline = Date.now() + PATIENCE_MS;
  while (!take(e.app, key)) {
    if (Date.now() > deadline) {
      throw new TooManyRequestsError("Another sign-in of this account is still running.");
    }
    sleep(2);
  }
  try {
    return e.next();
  } finally {
    e.app.store().remove(key);
  }
}

/**
 * Whether an account needs a second factor to sign in with its password. If its rule cannot be evaluated, it does.
 *
 * @param {core.RequestEvent} e
 * @param {core.Record} record
 * @returns {boolean}
 */
function isNeeded(e, record) {
  const { enabled, rule } = record.collection().mfa;
  if (!enabled || rule === "") {
    return enabled;
  }
  e.set("infoContext", "password");
  try {
    return e.app.canAccessRecord(record, e.requestInfo(), rule);
  } catch {
    return true;
  }
}

module.exports = { isNeeded, oneAtATime };
