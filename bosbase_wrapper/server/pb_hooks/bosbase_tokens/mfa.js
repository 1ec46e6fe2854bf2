// An mfa id works once. PocketBase checks an id and deletes it in two steps, between which requests of the same
// moment slip through: here one request at a time may use an id, and the next finds it gone.

/**
 * Runs a sign-in as the only one that uses this id at this moment.
 *
 * @param {string} mfaId "" where there is none
 * @param {() => any} signIn
 */
function once(mfaId, signIn) {
  if (!mfaId) {
    return signIn();
  }
  const key = "bosbase_tokens.mfa." + mfaId;
  const mine = $security.randomString(20);
  if ($app.store().getOrSet(key, () => mine) !== mine) {
    throw new BadRequestError("Invalid or expired MFA session.");
  }
  try {
    return signIn();
  } finally {
    $app.store().remove(key);
  }
}

/** The same for the sign-in methods that PocketBase brings. */
function onceForHook(e) {
  const info = e.requestInfo();
  return once(info.query["mfaId"] || info.body["mfaId"], () => e.next());
}

module.exports = { once, onceForHook };
