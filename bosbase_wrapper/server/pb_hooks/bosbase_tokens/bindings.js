// Binding, unbinding and finding the owner of a token, and when bindings end by themselves.

const failures = require(`${__hooks}/bosbase_tokens/failures.js`);
const settings = require(`${__hooks}/bosbase_tokens/settings.js`);
const { TABLE, run } = require(`${__hooks}/bosbase_tokens/sql.js`);
const table = require(`${__hooks}/bosbase_tokens/table.js`);
const upkeep = require(`${__hooks}/bosbase_tokens/upkeep.js`);

const AT_ONCE = 1000; // bindings to delete in one transaction

/** Changes bindings of a record, unless it got a new password after its password was checked. Returns whether it did. */
function change(app, record, write) {
  let isSame = true;
  try {
    app.runInTransaction((tx) => {
      write(tx); // before it reads, so that it waits for other writers
      isSame = tx.findRecordById(record.collection(), record.id).tokenKey() === record.tokenKey();
      if (!isSame) {
        throw new Error("rolls back");
      }
    });
  } catch (err) {
    if (isSame) {
      throw err;
    }
  }
  return isSame;
}

/**
 * Binds a token to a record. The last record that binds a token owns it.
 *
 * @param {core.App} app
 * @param {core.Record} record
 * @param {string} token
 * @returns {boolean} false if the record's password is no longer the one that was checked
 */
function bind(app, record, token) {
  table.prepare(app);
  return change(app, record, (tx) =>
    table.write(tx, record.collection().id, record.id, $security.sha256(token)));
}

/**
 * Removes the record's own binding of a token. Another record's binding stays.
 *
 * @param {core.App} app
 * @param {core.Record} record
 * @param {string} token
 * @returns {boolean} false if the record's password is no longer the one that was checked
 */
function unbind(app, record, token) {
  if (!table.isReady(app)) {
    return true;
  }
  const sql = `DELETE FROM ${TABLE} WHERE collectionRef = {:collection} AND tokenHash = {:hash} AND recordRef = {:record}`;
  const params = { collection: record.collection().id, record: record.id, hash: $security.sha256(token) };
  return change(app, record, (tx) => run(tx, sql, params));
}

/**
 * The record that a token signs in, or null.
 *
 * @param {core.App} app
 * @param {core.Collection} collection
 * @param {string} token
 * @returns {?core.Record}
 */
function owner(app, collection, token) {
  if (!table.isReady(app)) {
    return null;
  }
  const record = new Record();
  const bound = `SELECT recordRef FROM ${TABLE}
    WHERE collectionRef = {:collection} AND tokenHash = {:hash} ${upkeep.isFresh()}`;
  const isOwner = $dbx.exp(`[[id]] = (${bound})`, { collection: collection.id, hash: $security.sha256(token) });
  try {
    app.recordQuery(collection).andWhere(isOwner).limit(1).one(record);
    return record;
  } catch (err) {
    if (failures.isMissing(err)) {
      return null;
    }
    throw err;
  }
}

/**
 * Removes all bindings of a record in one transaction.
 *
 * Each deleted row changes about two pages of the database, and other writers wait until all are written. So of many
 * bindings most only lose their record, which is cheap and final. upkeep.js deletes them later.
 *
 * @param {core.App} app
 * @param {core.Record} record
 * @returns {number} how many there were
 */
function revokeAll(app, record) {
  if (!app.hasTable(TABLE)) {
    return 0;
  }
  const theirs = "collectionRef = {:collection} AND recordRef = {:record}";
  const some = `SELECT id FROM ${TABLE} WHERE ${theirs} LIMIT ${AT_ONCE}`;
  const params = { collection: record.collection().id, record: record.id };
  let count = 0;
  app.runInTransaction((tx) => {
    count += run(tx, `DELETE FROM ${TABLE} WHERE id IN (${some})`, params);
    count += run(tx, `UPDATE ${TABLE} SET recordRef = '' WHERE ${theirs}`, params);
  });
  return count;
}

/** Removes bindings, and then what they belong to, in one transaction. */
function dropWith(e, drop) {
  const app = e.app;
  try {
    app.runInTransaction((tx) => {
      e.app = tx;
      drop(tx);
      e.next();
    });
  } finally {
    e.app = app;
  }
}

/**
 * Removes the bindings of an id when its account is deleted, and when a new account takes the id: SQL deletes accounts
 * without their bindings.
 *
 * @param {core.RecordEvent} e
 */
function dropWithRecord(e) {
  return e.record.collection().isAuth() ? dropWith(e, (tx) => revokeAll(tx, e.record)) : e.next();
}

/**
 * Whether an update shows that whoever bound tokens before may not own the account's email: it becomes verified, and
 * its password of before ends, or is kept because the operator relies on MFA.
 */
function isClaimed(record) {
  const before = record.original();
  if (before.verified() || !record.verified()) {
    return false;
  }
  const reliesOnMfa = record.collection().mfa.enabled && settings.refusesMfaBind();
  return reliesOnMfa || before.getString("password:hash") !== record.getString("password:hash");
}

/**
 * PocketBase gives an unverified account a new password when the owner of its email signs in for the first time. The
 * tokens of whoever signed up with somebody else's email end with it.
 *
 * @param {core.RecordEvent} e
 */
function dropIfClaimed(e) {
  const ends = e.record.collection().isAuth() && isClaimed(e.record);
  return ends ? dropWith(e, (tx) => revokeAll(tx, e.record)) : e.next();
}

/** @param {core.CollectionEvent} e */
function dropWithCollection(e) {
  return dropWith(e, (tx) => {
    if (tx.hasTable(TABLE)) {
      run(tx, `DELETE FROM ${TABLE} WHERE collectionRef = {:collection}`, { collection: e.collection.id });
    }
  });
}

module.exports = { bind, dropIfClaimed, dropWithCollection, dropWithRecord, owner, revokeAll, unbind };
