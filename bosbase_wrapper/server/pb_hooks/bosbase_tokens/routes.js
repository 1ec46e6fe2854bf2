// The three routes: the collection (404), its rate limit (429), password authentication (403), the body (400), its
// members (400 with data), the credentials (400), in this order.

const bindings = require(`${__hooks}/bosbase_tokens/bindings.js`);
const body = require(`${__hooks}/bosbase_tokens/body.js`);
const failures = require(`${__hooks}/bosbase_tokens/failures.js`);
const mfa = require(`${__hooks}/bosbase_tokens/mfa.js`);
const rates = require(`${__hooks}/bosbase_tokens/rates.js`);
const secrets = require(`${__hooks}/bosbase_tokens/secrets.js`);

/**
 * The auth collection that the path names, by name in any case or by id.
 *
 * @param {core.RequestEvent} e
 * @param {string} action what its rate limits call the request
 * @returns {core.Collection}
 */
function authCollection(e, action) {
  let collection;
  try {
    collection = e.app.findCachedCollectionByNameOrId(e.request.pathValue("collection"));
  } catch {
    throw new NotFoundError("Missing or invalid collection context.");
  }
  rates.check(e, collection, action);
  if (!collection.isAuth()) {
    throw new NotFoundError("Missing or invalid auth collection context.");
  }
  return collection;
}

/**
 * The account of an email and a password, or null; an unknown email costs as much time as a wrong password.
 *
 * @param {core.RequestEvent} e
 * @param {core.Collection} collection
 * @param {{email: string, password: string}} form
 * @returns {?core.Record}
 */
function account(e, collection, form) {
  try {
    const record = e.app.findAuthRecordByEmail(collection, form.email);
    return record.validatePassword(form.password) ? record : null;
  } catch (err) {
    if (!failures.isMissing(err)) {
      throw failures.unavailable(e.app, "", err);
    }
    new Record(collection).setPassword("not the one sent: bcrypt refuses a long one at once");
    return null;
  }
}

/**
 * What binding and unbinding share.
 *
 * @param {core.RequestEvent} e
 * @param {string} action
 * @param {string} failure the message where it fails
 * @param {(app: core.App, record: core.Record, token: string) => void} change
 */
function changeBinding(e, action, failure, change) {
  const collection = authCollection(e, action);
  if (!collection.passwordAuth.enabled) {
    throw new ForbiddenError("The collection is not configured to allow password authentication.");
  }
  const form = body.read(e, ["email", "password", "token"]);
  body.validate(e, collection, form);
  const record = account(e, collection, form);
  if (!record) {
    throw new BadRequestError(failure);
  }
  try {
    change(e.app, record, form.token);
  } catch (err) {
    throw failures.isMissing(err) ? new BadRequestError(failure) : failures.unavailable(e.app, failure, err);
  }
  return e.noContent(204);
}

/** @param {core.RequestEvent} e */
function bind(e) {
  return secrets.unlogged(e, () => changeBinding(e, "bindToken", "Failed to bind token.", bindings.bind));
}

/** @param {core.RequestEvent} e */
function unbind(e) {
  return secrets.unlogged(e, () => changeBinding(e, "unbindToken", "Failed to unbind token.", bindings.unbind));
}

/** @param {core.RequestEvent} e */
function authWithToken(e) {
  const collection = authCollection(e, "authWithToken");
  const form = body.read(e, ["token"]);
  body.validate(e, collection, form);
  let record;
  try {
    record = bindings.owner(e.app, collection, form.token);
  } catch (err) {
    throw failures.unavailable(e.app, "Failed to authenticate.", err);
  }
  if (!record) {
    throw new BadRequestError("Failed to authenticate.");
  }
  e.set("infoContext", "token");
  return mfa.once(e, collection, () => $apis.recordAuthResponse(e, record, "token", null));
}

/** @param {core.RequestEvent} e */
function signIn(e) {
  return secrets.unlogged(e, () => authWithToken(e));
}

module.exports = { bind, unbind, signIn };
