/// <reference path="../pb_data/types.d.ts" />

// BosBase serves no static files, so a GET of an unknown API path gets the API's own message.

routerAdd("GET", "/api/{path...}", () => {
  throw new NotFoundError("");
});
