/// <reference path="../pb_data/types.d.ts" />

// The embedded server's superuser, from the environment: an argument would show its password in the process list.

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
});
