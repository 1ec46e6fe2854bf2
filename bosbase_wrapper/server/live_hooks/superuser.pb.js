/// <reference path="../pb_data/types.d.ts" />

// Creates the embedded server's superuser at each start. Its email and password come from the environment, because
// arguments show in the process list.

onBootstrap((e) => {
  e.next();
  const email = $os.getenv("BOSBASE_ADMIN_EMAIL");
  let record;
  try {
    record = e.app.findAuthRecordByEmail("_superusers", email);
  } catch {
    record = new Record(e.app.findCollectionByNameOrId("_superusers"));
    record.setEmail(email);
  }
  record.setPassword($os.getenv("BOSBASE_ADMIN_PASSWORD"));
  e.app.save(record);
  require(`${__hooks}/bosbase_tokens/bindings.js`).revokeAll(e.app, record); // they end with the old password
});
