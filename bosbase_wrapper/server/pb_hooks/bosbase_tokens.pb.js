/// <reference path="../pb_data/types.d.ts" />

// Custom tokens for PocketBase: three routes, commands for the operator, and bindings that end with their record and
// their collection. PocketBase runs each handler in a virtual machine of its own, so each requires what it needs.

// PocketBase's limiter knows only paths on added routes. This replaces it and does nothing: rates.js limits here.
const noPathLimiter = $apis.bodyLimit(0);
noPathLimiter.id = "pbRateLimit";

routerAdd("POST", "/api/collections/{collection}/bind-token", (e) =>
  require(`${__hooks}/bosbase_tokens/routes.js`).bind(e), noPathLimiter);

routerAdd("POST", "/api/collections/{collection}/unbind-token", (e) =>
  require(`${__hooks}/bosbase_tokens/routes.js`).unbind(e), noPathLimiter);

routerAdd("POST", "/api/collections/{collection}/auth-with-token", (e) =>
  require(`${__hooks}/bosbase_tokens/routes.js`).authWithToken(e), noPathLimiter);

// Without these the static route would respond to a GET, with another message.
for (const name of ["bind-token", "unbind-token", "auth-with-token"]) {
  routerAdd("GET", "/api/collections/{collection}/" + name, () => {
    throw new NotFoundError("");
  });
}

onBootstrap((e) => {
  require(`${__hooks}/bosbase_tokens/settings.js`).check();
  e.next();
  require(`${__hooks}/bosbase_tokens/upkeep.js`).dropStale(e.app);
});

onRecordCreate((e) => require(`${__hooks}/bosbase_tokens/bindings.js`).dropWithRecord(e));
onRecordUpdate((e) => require(`${__hooks}/bosbase_tokens/bindings.js`).dropIfClaimed(e));
onRecordDelete((e) => require(`${__hooks}/bosbase_tokens/bindings.js`).dropWithRecord(e));
onCollectionDelete((e) => require(`${__hooks}/bosbase_tokens/bindings.js`).dropWithCollection(e));
onRecordAuthRequest((e) => require(`${__hooks}/bosbase_tokens/mfa.js`).oneAtATime(e));
onModelCreate((e) => require(`${__hooks}/bosbase_tokens/secrets.js`).hide(e), "_logs");
onSettingsReload((e) => require(`${__hooks}/bosbase_tokens/rates.js`).restart(e));

cronAdd("bosbase_tokens_unusable", "17 3 * * *", () =>
  require(`${__hooks}/bosbase_tokens/upkeep.js`).dropUnusable($app));

require(`${__hooks}/bosbase_tokens/commands.js`).add($app);
