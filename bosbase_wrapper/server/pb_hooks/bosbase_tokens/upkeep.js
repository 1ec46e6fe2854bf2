// Removes bindings that nobody may use any more.

const settings = require(`${__hooks}/bosbase_tokens/settings.js`);
const { TABLE, rows, run } = require(`${__hooks}/bosbase_tokens/sql.js`);

const BATCH = 1000; // bindings that go in one transaction, so that other writes need not wait for long

/** The name of the field that holds when a record was created, or undefined. */
function creation(collection) {
  const found = Array.from(collection.fields).find((field) =>
    field.type() === "autodate" && field.onCreate && !field.onUpdate);
  return found && found.getName();
}

/**
 * The condition for bindings of a collection whose account is gone, or was created after the token was bound. Bindings
 * that have lost their record are left to the daily job.
 */
function withoutOwner(collection) {
  const field = creation(collection);
  const isYounger = field ? `AND coalesce(julianday([[owner.${field}]]) <= julianday({{${TABLE}}}.updated), 1)` : "";
  return `collectionRef = {:collection} AND recordRef <> '' AND NOT EXISTS
    (SELECT 1 FROM {{${collection.name}}} AS owner WHERE [[owner.id]] = recordRef ${isYounger})`;
}

/** Deletes the bindings that meet a condition. Looks before it writes, so that it locks nothing without need. */
function drop(app, condition, params) {
  const found = rows(app, `SELECT id FROM ${TABLE} WHERE ${condition} LIMIT 1`, params, ["id"]);
  return found.length > 0 ? run(app, `DELETE FROM ${TABLE} WHERE ${condition}`, params) : 0;
}

/**
 * Deletes bindings that stayed behind while the extension was not installed: PocketBase deletes an account without
 * them, and a new account may have its id.
 *
 * @param {core.App} app
 */
function dropStale(app) {
  if (!app.hasTable(TABLE)) {
    return;
  }
  let count = drop(app, "collectionRef NOT IN (SELECT id FROM _collections WHERE type = 'auth')", {});
  for (const collection of app.findAllCollections("auth")) {
    count += drop(app, withoutOwner(collection), { collection: collection.id });
  }
  if (count > 0) {
    app.logger().warn("Custom tokens: removed bindings whose account is gone", "count", count);
  }
}

/**
 * The condition for bindings that are still young enough to sign in.
 *
 * @returns {string} SQL, to add to another condition
 */
function isFresh() {
  const seconds = settings.maxAge();
  return seconds ? `AND julianday(updated) > julianday('now', '-${seconds} seconds')` : "";
}

/** Deletes the bindings that meet a condition, in several transactions. Returns how many there were. */
function dropInBatches(app, condition) {
  const batch = `SELECT id FROM ${TABLE} WHERE ${condition} LIMIT ${BATCH}`;
  let count = 0;
  let last;
  do {
    last = run(app, `DELETE FROM ${TABLE} WHERE id IN (${batch})`);
    count += last;
  } while (last > 0);
  return count;
}

/**
 * Deletes bindings that cannot sign in any more: those that have lost their record, and those that are too old.
 *
 * @param {core.App} app
 */
function dropUnusable(app) {
  if (!app.hasTable(TABLE)) {
    return;
  }
  let count = dropInBatches(app, "recordRef = '' AND collectionRef IN (SELECT id FROM _collections)");
  if (settings.maxAge()) {
    count += dropInBatches(app, `NOT coalesce(1 ${isFresh()}, 0)`);
  }
  app.logger().info("Custom tokens: removed bindings that cannot sign in any more", "count", count);
}

module.exports = { dropStale, dropUnusable, isFresh };
