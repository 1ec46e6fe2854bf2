/// <reference path="../pb_data/types.d.ts" />

// A web page can point its own host name at 127.0.0.1 (DNS rebinding). The browser then sends that name as the Host.

routerUse(
  new Middleware((e) => {
    const name = e.request.host.replace(/:\d*$/, "").toLowerCase();
    if (name !== "127.0.0.1" && name !== "localhost") {
      throw new ForbiddenError("This server responds to the hosts 127.0.0.1 and localhost only.");
    }
    return e.next();
  }, -100000), // before the activity log, the rate limits and CORS
);
