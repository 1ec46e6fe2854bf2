// Rate limits as on PocketBase's own sign-in routes: by a collection's label (users:authWithToken, users:auth), then
// by one of all collections (*:bindToken, *:auth), then by path. Fixed windows, one per client, collection and action.

const WINDOWS = "bosbase_tokens.windows";

/** @returns {number} seconds since 1970 */
function now() {
  return Math.floor(Date.now() / 1000);
}

/**
 * Whom no rule concerns.
 *
 * @param {core.RequestEvent} e
 * @param {core.RateLimitsConfig} limits
 */
function isExempt(e, limits) {
  return !limits.enabled || e.hasSuperuserAuth() || Array.from(limits.excludedIPs || []).includes(e.realIP());
}

/**
 * The labels that a rule may have to concern this request, the one that goes first first.
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

/**
 * Takes one request from a window, and tells whether there was one to take.
 *
 * @param {core.App} app
 * @param {string} key
 * @param {core.RateLimitRule} rule
 */
function consume(app, key, rule) {
  let left = 0;
  app.store().setFunc(WINDOWS, (old) => {
    const windows = old || {};
    const open = windows[key] && now() < windows[key].ends;
    left = open ? windows[key].left : rule.maxRequests;
    if (left > 0) {
      windows[key] = { left: left - 1, ends: now() + rule.duration };
    }
    return windows;
  });
  return left > 0;
}

/**
 * Throws 429 where the rule that concerns a request allows no more.
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

/** Rules that changed begin with new windows. */
function restart(e) {
  e.next();
  e.app.store().remove(WINDOWS);
}

/** Forgets the windows that are over. */
function sweep(app) {
  app.store().setFunc(WINDOWS, (old) => {
    const open = Object.entries(old || {}).filter(([, window]) => now() < window.ends);
    return Object.fromEntries(open);
  });
}

module.exports = { check, restart, sweep };
