// The table of bindings: which record of a collection a token's hash belongs to. Tokens themselves are never kept.

const TABLE = "_token_bindings";
const LEGACY_TABLES = ["_tokenBindings", "tokenBindings"];
const COLUMNS = ["id", "collectionRef", "recordRef", "tokenHash", "created", "updated"];
const READY = "bosbase_tokens.ready";

const UNIQUE = `CREATE UNIQUE INDEX IF NOT EXISTS idx_token_bindings_hash ON ${TABLE} (collectionRef, tokenHash)`;
const BY_RECORD = `CREATE INDEX IF NOT EXISTS idx_token_bindings_record ON ${TABLE} (collectionRef, recordRef)`;
const CREATE = `
  CREATE TABLE IF NOT EXISTS ${TABLE} (
    id TEXT PRIMARY KEY NOT NULL,
    collectionRef TEXT NOT NULL,
    recordRef TEXT NOT NULL,
    tokenHash TEXT NOT NULL,
    created TEXT NOT NULL DEFAULT '',
    updated TEXT NOT NULL DEFAULT ''
  )`;
const UPSERT = `
  INSERT INTO ${TABLE} (id, collectionRef, recordRef, tokenHash, created, updated)
  VALUES ({:id}, {:collection}, {:record}, {:hash}, strftime('%Y-%m-%d %H:%M:%fZ'), strftime('%Y-%m-%d %H:%M:%fZ'))
  ON CONFLICT (collectionRef, tokenHash) DO UPDATE SET recordRef = excluded.recordRef, updated = excluded.updated`;

/** Runs a statement. */
function run(app, sql, params) {
  app.db().newQuery(sql).bind(params || {}).execute();
}

/** Renames a table of an older server, with all its rows, and gives it our indexes; one that does not fit stays. */
function adopt(app, legacy) {
  try {
    app.runInTransaction((tx) => {
      run(tx, `SELECT ${COLUMNS.join(", ")} FROM ${legacy} LIMIT 1`);
      run(tx, `ALTER TABLE ${legacy} RENAME TO ${TABLE}`);
      run(tx, UNIQUE);
      run(tx, BY_RECORD);
    });
  } catch {
    app.logger().error("A table of token bindings does not fit and was left as it is", "table", legacy);
  }
}

/**
 * Whether the table is there, once an older one has had its chance to become it. Remembered for the whole process.
 *
 * @param {core.App} app
 * @returns {boolean}
 */
function isReady(app) {
  if (app.store().get(READY)) {
    return true;
  }
  if (!app.hasTable(TABLE)) {
    const legacy = LEGACY_TABLES.find((name) => app.hasTable(name));
    if (legacy) {
      adopt(app, legacy);
    }
  }
  const found = app.hasTable(TABLE);
  app.store().set(READY, found);
  return found;
}

/** Makes the table where there is none. */
function prepare(app) {
  if (!isReady(app)) {
    app.runInTransaction((tx) => [CREATE, UNIQUE, BY_RECORD].forEach((sql) => run(tx, sql)));
    app.store().set(READY, true);
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
    run(tx, UPSERT, {
      id: $security.randomString(15),
      collection: record.collection().id,
      record: record.id,
      hash: $security.sha256(token),
    });
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
  const row = new DynamicModel({ recordRef: "" });
  const sql = `SELECT recordRef FROM ${TABLE} WHERE collectionRef = {:collection} AND tokenHash = {:hash}`;
  try {
    app.db().newQuery(sql).bind({ collection: collection.id, hash: $security.sha256(token) }).one(row);
    return app.findRecordById(collection, row.recordRef);
  } catch (err) {
    if (String(err).includes("no rows in result set")) {
      return null;
    }
    throw new ApiError(500, "Failed to authenticate.");
  }
}

/** Deletes bindings and what they belong to in one transaction. */
function dropWith(e, condition, params) {
  const app = e.app;
  app.runInTransaction((tx) => {
    e.app = tx;
    if (tx.hasTable(TABLE)) {
      run(tx, `DELETE FROM ${TABLE} WHERE ${condition}`, params);
    }
    e.next();
  });
  e.app = app;
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
