// The three routes. Each checks the collection (404), its rate limit (429), password authentication (403), the body
// (400), its fields (400 with data) and the credentials (400), in this order.

const addresses = require(`${__hooks}/bosbase_tokens/addresses.js`);
const bindings = require(`${__hooks}/bosbase_tokens/bindings.js`);
const body = require(`${__hooks}/bosbase_tokens/body.js`);
const failures = require(`${__hooks}/bosbase_tokens/failures.js`);
const mfa = require(`${__hooks}/bosbase_tokens/mfa.js`);
const rates = require(`${__hooks}/bosbase_tokens/rates.js`);
const settings = require(`${__hooks}/bosbase_tokens/settings.js`);

/**
 * The auth collection that the path names by id, or by name in any case.
 *
 * @param {core.RequestEvent} e
 * @param {string} action the name of the request in rate limits
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

/** Takes as long as checking a wrong password: checks one of any account, as PocketBase's own sign-in does. */
function pretendToCheck(app, collection, password) {
  const record = new Record();
  try {
    app.recordQuery(collection).limit(1).one(record);
    record.validatePassword(password);
  } catch (err) {
    if (!failures.isMissing(err)) {
      throw failures.unavailable(app, "", err);
    }
  }
}

/**
 * The account of an email and a password, or null. An unknown email takes as long as a wrong password.
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
    pretendToCheck(e.app, collection, form.password);
    return null;
  }
}

/** Throws 403 if an account is a superuser and the client's address is not one that superusers may use. */
function checkAddress(e, record) {
  const allowed = Array.from(e.app.settings().superuserIPs || []);
  const isAllowed = allowed.length === 0 || allowed.some((item) => addresses.matches(item, e.realIP()));
  if (record.isSuperuser() && !isAllowed) {
    throw new ForbiddenError("");
  }
}

/**
 * Checks the credentials of a request and changes a binding.
 *
 * @param {core.RequestEvent} e
 * @param {string} action
 * @param {string} failure the message if it fails
 * @param {(app: core.App, record: core.Record, token: string) => boolean} change
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
  checkAddress(e, record);
  if (action === "bindToken" && settings.refusesMfaBind() && mfa.isNeeded(e, record)) {
    throw new ForbiddenError("The collection requires multi-factor authentication.");
  }
  let isDone;
  try {
    isDone = change(e.app, record, form.token);
  } catch (err) {
    throw failures.isMissing(err) ? new BadRequestError(failure) : failures.unavailable(e.app, failure, err);
  }
  if (!isDone) {
    throw new BadRequestError(failure);
  }
  return e.noContent(204);
}

/** @param {core.RequestEvent} e */
function bind(e) {
  return changeBinding(e, "bindToken", "Failed to bind token.", bindings.bind);
}

/** @param {core.RequestEvent} e */
function unbind(e) {
  return changeBinding(e, "unbindToken", "Failed to unbind token.", bindings.unbind);
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
  return $apis.recordAuthResponse(e, record, "token", null);
}

module.exports = { authWithToken, bind, unbind };
