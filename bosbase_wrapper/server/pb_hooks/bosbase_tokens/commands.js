// The commands `pocketbase tokens ...`, for the operator of a server. They need no password and no token, only access
// to the data folder. They print ids of bindings, never a token or its hash.

const bindings = require(`${__hooks}/bosbase_tokens/bindings.js`);
const failures = require(`${__hooks}/bosbase_tokens/failures.js`);
const settings = require(`${__hooks}/bosbase_tokens/settings.js`);
const { TABLE, rows, run } = require(`${__hooks}/bosbase_tokens/sql.js`);
const table = require(`${__hooks}/bosbase_tokens/table.js`);

const USED_WRONGLY = 2;

/** An error that one sentence describes. */
class Refusal extends Error {
  constructor(sentence, code = 1) {
    super(sentence);
    this.code = code;
  }
}

/** What is found, or a refusal if there is none. Any other error is one of the database. */
function foundOr(sentence, find) {
  try {
    return find();
  } catch (err) {
    throw failures.isMissing(err) ? new Refusal(sentence) : err;
  }
}

/** The account that the arguments name. */
function account(app, collection, email) {
  const found = foundOr(`There is no collection ${JSON.stringify(collection)}.`, () =>
    app.findCollectionByNameOrId(collection));
  if (!found.isAuth()) {
    throw new Refusal(`The collection ${found.name} has no accounts.`);
  }
  return foundOr(`There is no account ${JSON.stringify(email)} in ${found.name}.`, () =>
    app.findAuthRecordByEmail(found, email));
}

/** The bindings of an account, oldest first. */
function bindingsOf(app, record) {
  const seconds = settings.maxAge();
  const expires = seconds ? `strftime('%Y-%m-%d %H:%M:%fZ', updated, '+${seconds} seconds')` : "NULL";
  const sql = `SELECT id, coalesce(created, '') AS created, coalesce(updated, '') AS updated,
      coalesce(${expires}, '') AS expires
    FROM ${TABLE} WHERE collectionRef = {:collection} AND recordRef = {:record} ORDER BY created, id`;
  const params = { collection: record.collection().id, record: record.id };
  return table.isReady(app) ? rows(app, sql, params, ["id", "created", "updated", "expires"]) : [];
}

/** Lines of columns, with a heading. */
function columns(found) {
  const names = settings.maxAge() ? ["id", "created", "updated", "expires"] : ["id", "created", "updated"];
  const heading = Object.fromEntries(names.map((name) => [name, name.toUpperCase()]));
  const lines = [heading, ...found];
  const widths = names.map((name) => Math.max(...lines.map((line) => line[name].length)));
  return lines.map((line) => names.map((name, index) => line[name].padEnd(widths[index])).join("  ").trimEnd());
}

/** Lists the bindings of an account. */
function list(app, collection, email) {
  const record = account(app, collection, email);
  const found = bindingsOf(app, record);
  const none = `${email} in ${record.collection().name} has no tokens.`;
  return { json: found, lines: found.length > 0 ? columns(found) : [], refusal: found.length > 0 ? "" : none };
}

/** Who owns a binding, for people to read. */
function ownerOf(app, binding) {
  try {
    const record = app.findRecordById(binding.collectionRef, binding.recordRef);
    return `${record.email()} in ${record.collection().name}`;
  } catch {
    return "an account that no longer exists";
  }
}

/** Revokes one binding. */
function revoke(app, id) {
  let done;
  if (table.isReady(app)) {
    app.runInTransaction((tx) => {
      const sql = `SELECT collectionRef, recordRef FROM ${TABLE} WHERE id = {:id} AND recordRef <> ''`;
      const [found] = rows(tx, sql, { id }, ["collectionRef", "recordRef"]);
      if (found && run(tx, `DELETE FROM ${TABLE} WHERE id = {:id}`, { id }) > 0) {
        done = ownerOf(tx, found);
      }
    });
  }
  if (done === undefined) {
    throw new Refusal(`There is no binding ${JSON.stringify(id)}.`);
  }
  return { json: { revoked: 1 }, lines: [`Revoked the token ${id} of ${done}.`] };
}

/** Revokes all bindings of an account. */
function revokeAll(app, collection, email) {
  const record = account(app, collection, email);
  const name = record.collection().name;
  const count = table.isReady(app) ? bindings.revokeAll(app, record) : 0;
  if (count === 0) {
    throw new Refusal(`${email} in ${name} has no tokens.`);
  }
  return { json: { revoked: count }, lines: [`Revoked ${count} token${count === 1 ? "" : "s"} of ${email} in ${name}.`] };
}

/** Writes a result to standard output. Throws a refusal if there was nothing to do. */
function report(cmd, result) {
  const lines = cmd.flags().getBool("json") ? [JSON.stringify(result.json)] : result.lines;
  lines.forEach((line) => cmd.outOrStdout().write(toBytes(line + "\n")));
  if (result.refusal) {
    throw new Refusal(result.refusal);
  }
}

/** Ends the process with an exit code and a sentence on standard error. */
function fail(cmd, err) {
  cmd.root().setErr(null); // PocketBase drops what commands write to standard error
  cmd.errOrStderr().write(toBytes(`${err instanceof Refusal ? err.message : `Error: ${err}`}\n`));
  $os.exit(err.code || 1);
}

/** A command that ends with exit code 1 and a sentence if it fails. */
function command(use, short, act) {
  const expected = use.split(" ").length - 1;
  const made = new Command({
    use,
    short,
    run: (cmd, args) => {
      try {
        if (args.length !== expected) {
          throw new Refusal(`Usage: pocketbase tokens ${use} [--json]`, USED_WRONGLY);
        }
        report(cmd, act($app, ...args));
      } catch (err) {
        fail(cmd, err);
      }
    },
  });
  made.flags().bool("json", false, "print JSON");
  return made;
}

/** Adds the commands to PocketBase's own. */
function add(app) {
  const tokens = new Command({
    use: "tokens",
    short: "Lists and revokes custom tokens",
    run: (cmd) => fail(cmd, new Refusal("Usage: pocketbase tokens list|revoke|revoke-all", USED_WRONGLY)),
  });
  tokens.addCommand(command("list COLLECTION EMAIL", "Lists the tokens of an account", list));
  tokens.addCommand(command("revoke BINDING_ID", "Revokes one token", revoke));
  tokens.addCommand(command("revoke-all COLLECTION EMAIL", "Revokes all tokens of an account", revokeAll));
  app.rootCmd.addCommand(tokens);
}

module.exports = { add };
