// The table of bindings: which record of a collection a token's hash belongs to. Tokens themselves are never kept.

const failures = require(`${__hooks}/bosbase_tokens/failures.js`);

const TABLE = "_token_bindings";
const LEGACY_TABLES = ["_tokenBindings", "tokenBindings"];
const FOUND = "bosbase_tokens.found";
const PREPARED = "bosbase_tokens.prepared";

// The names of the indexes are BosBase's own, so that a table that comes from there has each once.
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
const OWNER = `SELECT recordRef FROM ${TABLE} WHERE collectionRef = {:collection} AND tokenHash = {:hash}`;

/** Runs a statement. */
function run(app, sql, params) {
  app.db().newQuery(sql).bind(params || {}).execute();
}

/** Writes a binding. */
function write(app, collection, record, hash) {
  run(app, UPSERT, { id: $security.randomString(15), collection, record, hash });
}

/** Makes a table of an older server ours, with all its rows; throws where it does not serve. */
function adopt(tx, legacy) {
  run(tx, `ALTER TABLE ${legacy} RENAME TO ${TABLE}`);
  SCHEMA.forEach((sql) => run(tx, sql));
  write(tx, "", "", "");
  run(tx, `DELETE FROM ${TABLE} WHERE collectionRef = ''`);
}

/** Gives an older table its chance to become ours; one that does not fit is left as it is. */
function settle(app) {
  const legacy = LEGACY_TABLES.find((name) => app.hasTable(name));
  if (app.hasTable(TABLE) || !legacy) {
    return;
  }
  try {
    app.runInTransaction((tx) => {
      if (!tx.hasTable(TABLE)) { // another request may have been here first
        adopt(tx, legacy);
      }
    });
  } catch (err) {
    if (failures.isPassing(err)) {
      throw err; // a new table beside it now would shut it out for good
    }
    app.logger().error("Custom tokens: a table does not fit and was left", "table", legacy, "error", String(err));
  }
}

/**
 * Whether there is a table to look into. That there is one is remembered for the whole process.
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

/** Makes what is missing of the table and its indexes. */
function prepare(app) {
  if (!app.store().get(PREPARED)) {
    isReady(app);
    app.runInTransaction((tx) => SCHEMA.forEach((sql) => run(tx, sql)));
    app.store().set(PREPARED, true);
    app.store().set(FOUND, true);
  }
}

/**
 * Binds a token to a record; the last record that binds a value owns it.
 *
 * @param {core.App} app
 * @param {core.Record} record
 * @param {string} token
 */
function bind(app, record, token) {
  prepare(app);
  app.runInTransaction((tx) => {
    tx.findRecordById(record.collection(), record.id); // it may have been deleted meanwhile
    write(tx, record.collection().id, record.id, $security.sha256(token));
  });
}

/**
 * Removes the record's own binding of a token; another record's stays.
 *
 * @param {core.App} app
 * @param {core.Record} record
 * @param {string} token
 */
function unbind(app, record, token) {
  if (isReady(app)) {
    const sql = `DELETE FROM ${TABLE} WHERE collectionRef = {:collection} AND tokenHash = {:hash} AND recordRef = {:record}`;
    run(app, sql, { collection: record.collection().id, record: record.id, hash: $security.sha256(token) });
  }
}

/**
 * The record that a token is bound to, or null.
 *
 * @param {core.App} app
 * @param {core.Collection} collection
 * @param {string} token
 * @returns {?core.Record}
 */
function owner(app, collection, token) {
  if (!isReady(app)) {
    return null;
  }
  const record = new Record();
  const bound = $dbx.exp(`[[id]] = (${OWNER})`, { collection: collection.id, hash: $security.sha256(token) });
  try {
    app.recordQuery(collection).andWhere(bound).limit(1).one(record);
    return record;
  } catch (err) {
    if (failures.isMissing(err)) {
      return null;
    }
    throw err;
  }
}

/** Deletes bindings and what they belong to in one transaction. */
function dropWith(e, condition, params) {
  const app = e.app;
  try {
    app.runInTransaction((tx) => {
      e.app = tx;
      if (tx.hasTable(TABLE)) {
        run(tx, `DELETE FROM ${TABLE} WHERE ${condition}`, params);
      }
      e.next();
    });
  } finally {
    e.app = app;
  }
}

/** @param {core.RecordEvent} e */
function dropWithRecord(e) {
  if (!e.record.collection().isAuth()) {
    return e.next();
  }
  const params = { collection: e.record.collection().id, record: e.record.id };
  return dropWith(e, "collectionRef = {:collection} AND recordRef = {:record}", params);
}

/** @param {core.CollectionEvent} e */
function dropWithCollection(e) {
  return dropWith(e, "collectionRef = {:collection}", { collection: e.collection.id });
}

module.exports = { bind, unbind, owner, dropWithRecord, dropWithCollection };
