/// <reference path="../pb_data/types.d.ts" />

// Custom tokens for PocketBase: three routes, and bindings that go with their record and their collection.
// PocketBase runs each handler in a virtual machine of its own, so that each requires what it needs.

// PocketBase's limiter knows only paths on added routes. This does nothing in its place: rates.js is the limiter here.
const noPathLimiter = $apis.bodyLimit(0);
noPathLimiter.id = "pbRateLimit";

routerAdd("POST", "/api/collections/{collection}/bind-token", (e) =>
  require(`${__hooks}/bosbase_tokens/routes.js`).bind(e), noPathLimiter);

routerAdd("POST", "/api/collections/{collection}/unbind-token", (e) =>
  require(`${__hooks}/bosbase_tokens/routes.js`).unbind(e), noPathLimiter);

routerAdd("POST", "/api/collections/{collection}/auth-with-token", (e) =>
  require(`${__hooks}/bosbase_tokens/routes.js`).signIn(e), noPathLimiter);

// Without these the static route would answer a GET, in words of its own.
for (const name of ["bind-token", "unbind-token", "auth-with-token"]) {
  routerAdd("GET", "/api/collections/{collection}/" + name, () => {
    throw new NotFoundError("");
  });
}

onRecordDelete((e) => require(`${__hooks}/bosbase_tokens/bindings.js`).dropWithRecord(e));
onCollectionDelete((e) => require(`${__hooks}/bosbase_tokens/bindings.js`).dropWithCollection(e));

// The other methods spend mfa ids too: one id, one sign-in, whichever methods race for it.
onRecordAuthWithPasswordRequest((e) => require(`${__hooks}/bosbase_tokens/mfa.js`).onceForHook(e));
onRecordAuthWithOTPRequest((e) => require(`${__hooks}/bosbase_tokens/mfa.js`).onceForHook(e));
onRecordAuthWithOAuth2Request((e) => require(`${__hooks}/bosbase_tokens/mfa.js`).onceForHook(e));

onSettingsReload((e) => require(`${__hooks}/bosbase_tokens/rates.js`).restart(e));
cronAdd("bosbase_tokens_rates", "2 * * * *", () => require(`${__hooks}/bosbase_tokens/rates.js`).sweep($app));
