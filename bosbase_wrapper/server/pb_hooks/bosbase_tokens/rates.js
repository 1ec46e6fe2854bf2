// Rate limits, as on PocketBase's own sign-in routes. The first label with a rule counts: a collection's own
// (users:authWithToken, users:auth), then the one for all collections (*:bindToken, *:auth), then the path.
// Each client has a fixed window per collection and action.

const addresses = require(`${__hooks}/bosbase_tokens/addresses.js`);

const WINDOWS = "bosbase_tokens.windows";

// Windows are kept in two generations. When the recent one is full, the older one is dropped, so at least this many
// windows are kept and at most twice as many, and no cleaning is needed.
const GENERATION = 50000;

/**
 * Clients that no rate limit applies to.
 *
 * @param {core.RequestEvent} e
 * @param {core.RateLimitsConfig} limits
 */
function isExempt(e, limits) {
  const excluded = Array.from(limits.excludedIPs || []);
  return !limits.enabled || e.hasSuperuserAuth() || excluded.some((item) => addresses.matches(item, e.realIP()));
}

/**
 * Rule labels that match this request, highest precedence first.
 *
 * @param {core.RequestEvent} e
 * @param {core.Collection} collection
 * @param {string} action
 */
function labels(e, collection, action) {
  const path = e.request.url.path;
  const prefixes = [collection.name, "*"];
  return [
    ...prefixes.flatMap((prefix) => [`${prefix}:${action}`, `${prefix}:auth`]),
    `${e.request.method} ${path}`,
    path,
  ];
}

/** Stores a window as text, which takes a fraction of an object's memory. */
function put(state, key, ends, left) {
  if (state.count >= GENERATION) {
    state.older = state.recent;
    state.recent = {};
    state.count = 0;
  }
  if (state.recent[key] === undefined) {
    state.count += 1;
  }
  state.recent[key] = `${ends} ${left}`;
}

/**
 * Takes one request from a client's window.
 *
 * @param {core.App} app
 * @param {string} key
 * @param {core.RateLimitRule} rule
 * @returns {boolean} whether there was one left
 */
function consume(app, key, rule) {
  const now = Math.floor(Date.now() / 1000);
  let left = 0;
  app.store().setFunc(WINDOWS, (old) => {
    const state = old || { recent: {}, older: {}, count: 0 };
    let [ends, remaining] = String(state.recent[key] || state.older[key] || "0 0").split(" ").map(Number);
    if (now >= ends) {
      [ends, remaining] = [now + rule.duration, rule.maxRequests];
    }
    left = remaining;
    put(state, key, ends, Math.max(0, remaining - 1));
    return state;
  });
  return left > 0;
}

/**
 * Throws 429 if the rule for a request allows no more.
 *
 * @param {core.RequestEvent} e
 * @param {core.Collection} collection
 * @param {string} action
 */
function check(e, collection, action) {
  const limits = e.app.settings().rateLimits;
  if (isExempt(e, limits)) {
    return;
  }
  const [rule, found] = limits.findRateLimitRule(labels(e, collection, action), "", e.auth ? "@auth" : "@guest");
  const key = found && [collection.id, action, rule.audience, e.realIP()].join(" ");
  if (found && !consume(e.app, key, rule)) {
    throw new TooManyRequestsError("");
  }
}

/** Starts new windows when the settings change. */
function restart(e) {
  e.next();
  e.app.store().remove(WINDOWS);
}

module.exports = { check, restart };
