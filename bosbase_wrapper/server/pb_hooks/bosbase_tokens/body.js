// Reads and validates bodies, with the binder that PocketBase's own routes use. Lengths are bytes. Nothing is trimmed.

const LIMITS = { email: 255, password: 255, token: 1024 };

/**
 * The named fields of the body as strings, "" if absent.
 *
 * @param {core.RequestEvent} e
 * @param {string[]} names
 * @returns {Record<string, string>}
 */
function read(e, names) {
  const form = new DynamicModel(Object.fromEntries(names.map((name) => [name, ""])));
  try {
    e.bindBody(form);
  } catch (err) {
    if (err.value && err.value.status > 0) {
      throw err;
    }
    if (String(err).includes("Request entity too large")) { // the decoder wraps it if the request does not say its length
      throw new ApiError(413, "Request entity too large.");
    }
    throw new BadRequestError("An error occurred while loading the submitted data.");
  }
  return form;
}

/**
 * Whether the server's own rule accepts the email.
 *
 * @param {core.RequestEvent} e
 * @param {core.Collection} collection
 * @param {string} email
 */
function isEmail(e, collection, email) {
  const probe = new Record(collection);
  probe.set("email", email);
  try {
    new EmailField({ name: "email" }).validateValue(new Context(), e.app, probe);
    return true;
  } catch {
    return false;
  }
}

/**
 * What is wrong with the value of a field, or null.
 *
 * @param {core.RequestEvent} e
 * @param {core.Collection} collection
 * @param {string} name
 * @param {string} value
 * @returns {?ValidationError}
 */
function problem(e, collection, name, value) {
  const max = LIMITS[name];
  if (value === "") {
    return new ValidationError("validation_required", "Cannot be blank.");
  }
  if (toBytes(value).length > max) {
    return new ValidationError("validation_length_out_of_range", `The length must be between 1 and ${max}.`)
      .setParams({ min: 1, max });
  }
  if (name === "email" && !isEmail(e, collection, value)) {
    return new ValidationError("validation_is_email", "Must be a valid email address.");
  }
  return null;
}

/**
 * Throws 400 with what is wrong with each field.
 *
 * @param {core.RequestEvent} e
 * @param {core.Collection} collection
 * @param {Record<string, string>} form
 */
function validate(e, collection, form) {
  const problems = {};
  for (const name of Object.keys(form)) {
    const found = problem(e, collection, name, form[name]);
    if (found) {
      problems[name] = found;
    }
  }
  if (Object.keys(problems).length > 0) {
    throw new BadRequestError("An error occurred while validating the submitted data.", problems);
  }
}

module.exports = { read, validate };
