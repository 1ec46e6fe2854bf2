/// <reference path="../pb_data/types.d.ts" />

// BosBase serves no files where PocketBase does: a GET of an unknown path of the API gets the API's own words.

routerAdd("GET", "/api/{path...}", () => {
  throw new NotFoundError("");
});
