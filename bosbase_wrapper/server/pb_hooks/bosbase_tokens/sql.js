// Statements on the table of bindings.

const TABLE = "_token_bindings";

/**
 * Runs a statement.
 *
 * @param {core.App} app
 * @param {string} sql
 * @param {Record<string, any>} [params]
 * @returns {number} how many rows it changed
 */
function run(app, sql, params) {
  return app.db().newQuery(sql).bind(params || {}).execute().rowsAffected();
}

/**
 * The rows of a query. Each column is text.
 *
 * @param {core.App} app
 * @param {string} sql
 * @param {Record<string, any>} params
 * @param {string[]} columns
 * @returns {Record<string, string>[]}
 */
function rows(app, sql, params, columns) {
  const found = arrayOf(new DynamicModel(Object.fromEntries(columns.map((name) => [name, ""]))));
  app.db().newQuery(sql).bind(params).all(found);
  return Array.from(found).map((row) => Object.fromEntries(columns.map((name) => [name, row[name]])));
}

module.exports = { TABLE, rows, run };
