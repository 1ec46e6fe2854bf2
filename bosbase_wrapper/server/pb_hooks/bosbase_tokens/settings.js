// The operator's settings are environment variables of the server. Each is off while it is unset or empty.

const MAX_AGE = "BOSBASE_TOKENS_MAX_AGE";
const MFA_BIND = "BOSBASE_TOKENS_MFA_BIND";

/**
 * The number of seconds that a binding may sign in, counted from its last bind. 0 means no limit.
 *
 * @returns {number}
 */
function maxAge() {
  const text = $os.getenv(MAX_AGE);
  if (text !== "" && !/^[1-9]\d{0,9}$/.test(text)) {
    throw new Error(`${MAX_AGE} must be a whole number of seconds from 1 to 9999999999. Unset it for no limit.`);
  }
  return Number(text);
}

/**
 * Whether binding is refused to accounts that need a second factor.
 *
 * @returns {boolean}
 */
function refusesMfaBind() {
  const text = $os.getenv(MFA_BIND);
  if (text !== "" && text !== "refuse") {
    throw new Error(`${MFA_BIND} must be "refuse". Unset it to allow binding.`);
  }
  return text === "refuse";
}

/** Throws if a setting has a value that makes no sense, so that the server does not start. */
function check() {
  maxAge();
  refusesMfaBind();
}

module.exports = { check, maxAge, refusesMfaBind };
