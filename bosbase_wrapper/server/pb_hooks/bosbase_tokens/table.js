// The table of bindings: which record of a collection a token's hash belongs to. Tokens themselves are never kept.

const failures = require(`${__hooks}/bosbase_tokens/failures.js`);
const { TABLE, run } = require(`${__hooks}/bosbase_tokens/sql.js`);
const upkeep = require(`${__hooks}/bosbase_tokens/upkeep.js`);

const LEGACY_TABLES = ["_tokenBindings", "tokenBindings"];
const FOUND = "bosbase_tokens.found";
const PREPARED = "bosbase_tokens.prepared";

// The indexes have BosBase's names, so a table that comes from there does not get each of them twice.
const SCHEMA = [
  `CREATE TABLE IF NOT EXISTS ${TABLE} (
    id TEXT PRIMARY KEY NOT NULL,
    collectionRef TEXT NOT NULL,
    recordRef TEXT NOT NULL,
    tokenHash TEXT NOT NULL,
    created TEXT NOT NULL DEFAULT '',
    updated TEXT NOT NULL DEFAULT ''
  )`,
  `CREATE UNIQUE INDEX IF NOT EXISTS idx__token_bindings_token ON ${TABLE} (collectionRef, tokenHash)`,
  `CREATE INDEX IF NOT EXISTS idx__token_bindings_record ON ${TABLE} (collectionRef, recordRef)`,
];
const UPSERT = `
  INSERT INTO ${TABLE} (id, collectionRef, recordRef, tokenHash, created, updated)
  VALUES ({:id}, {:collection}, {:record}, {:hash}, strftime('%Y-%m-%d %H:%M:%fZ'), strftime('%Y-%m-%d %H:%M:%fZ'))
  ON CONFLICT (collectionRef, tokenHash) DO UPDATE SET recordRef = excluded.recordRef, updated = excluded.updated`;

/**
 * Writes a binding.
 *
 * @param {core.App} app
 * @param {string} collection
 * @param {string} record
 * @param {string} hash
 */
function write(app, collection, record, hash) {
  run(app, UPSERT, { id: $security.randomString(15), collection, record, hash });
}

/** Renames a table of an older server, with all its rows. Throws if its columns do not fit. */
function adopt(tx, legacy) {
  run(tx, `ALTER TABLE ${legacy} RENAME TO ${TABLE}`);
  SCHEMA.forEach((sql) => run(tx, sql));
  write(tx, "", "", "");
  run(tx, `DELETE FROM ${TABLE} WHERE collectionRef = ''`);
  upkeep.dropStale(tx);
}

/** Adopts the table of an older server, if there is one. A table that does not fit stays as it is. */
function settle(app) {
  const legacy = LEGACY_TABLES.find((name) => app.hasTable(name));
  if (app.hasTable(TABLE) || !legacy) {
    return;
  }
  try {
    app.runInTransaction((tx) => {
      if (!tx.hasTable(TABLE)) { // another request may have adopted it meanwhile
        adopt(tx, legacy);
      }
    });
  } catch (err) {
    if (failures.isPassing(err)) {
      throw err; // a new table now would keep the older one from being adopted later
    }
    app.logger().error("Custom tokens: a table does not fit and was left", "table", legacy, "error", String(err));
  }
}

/**
 * Whether there is a table to look into. The process remembers a table that it has found.
 *
 * @param {core.App} app
 * @returns {boolean}
 */
function isReady(app) {
  const known = app.store().get(FOUND);
  if (known) {
    return true;
  }
  if (known === null) {
    settle(app);
  }
  const found = app.hasTable(TABLE);
  app.store().set(FOUND, found);
  return found;
}

/**
 * Creates what is missing of the table and its indexes.
 *
 * @param {core.App} app
 */
function prepare(app) {
  if (!app.store().get(PREPARED)) {
    isReady(app);
    app.runInTransaction((tx) => SCHEMA.forEach((sql) => run(tx, sql)));
    app.store().set(PREPARED, true);
    app.store().set(FOUND, true);
  }
}

module.exports = { isReady, prepare, write };
