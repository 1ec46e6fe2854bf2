// The three routes: the collection (404), password authentication (403), the body (400), its members (400 with
// data), the credentials (400), in this order.

const bindings = require(`${__hooks}/bosbase_tokens/bindings.js`);
const body = require(`${__hooks}/bosbase_tokens/body.js`);
const mfa = require(`${__hooks}/bosbase_tokens/mfa.js`);

/**
 * The auth collection that the path names, by name in any case or by id.
 *
 * @param {core.RequestEvent} e
 * @returns {core.Collection}
 */
function authCollection(e) {
  let collection;
  try {
    collection = e.app.findCachedCollectionByNameOrId(e.request.pathValue("collection"));
  } catch {
    throw new NotFoundError("Missing or invalid collection context.");
  }
  if (!collection.isAuth()) {
    throw new NotFoundError("Missing or invalid auth collection context.");
  }
  return collection;
}

/**
 * The account of an email and a password; an unknown email costs as much time as a wrong password.
 *
 * @param {core.RequestEvent} e
 * @param {core.Collection} collection
 * @param {string} failure the message for both
 * @param {{email: string, password: string}} form
 * @returns {core.Record}
 */
function account(e, collection, failure, form) {
  let record = null;
  try {
    record = e.app.findAuthRecordByEmail(collection, form.email);
  } catch {
    new Record(collection).setPassword(form.password);
  }
  if (!record || !record.validatePassword(form.password)) {
    throw new BadRequestError(failure);
  }
  return record;
}

/**
 * What binding and unbinding share: everything up to the account.
 *
 * @param {core.RequestEvent} e
 * @param {string} failure
 * @param {(record: core.Record, token: string) => void} change
 */
function changeBinding(e, failure, change) {
  const collection = authCollection(e);
  if (!collection.passwordAuth.enabled) {
    throw new ForbiddenError("The collection is not configured to allow password authentication.");
  }
  const form = body.read(e, ["email", "password", "token"]);
  body.validate(e, collection, form, ["email", "password", "token"]);
  change(account(e, collection, failure, form), form.token);
  return e.noContent(204);
}

/** @param {core.RequestEvent} e */
function bind(e) {
  return changeBinding(e, "Failed to bind token.", (record, token) => bindings.bind(e.app, record, token));
}

/** @param {core.RequestEvent} e */
function unbind(e) {
  return changeBinding(e, "Failed to unbind token.", (record, token) => bindings.unbind(e.app, record, token));
}

/** @param {core.RequestEvent} e */
function signIn(e) {
  const collection = authCollection(e);
  const form = body.read(e, ["token", "mfaId"]);
  body.validate(e, collection, form, ["token"]);
  const record = bindings.owner(e.app, collection, form.token);
  if (!record) {
    throw new BadRequestError("Failed to authenticate.");
  }
  e.set("infoContext", "token");
  const mfaId = e.request.url.query().get("mfaId") || form.mfaId;
  return mfa.once(mfaId, () => $apis.recordAuthResponse(e, record, "token", null));
}

module.exports = { bind, unbind, signIn };
