//! Published versions: what a function was at one moment, settings and code, which nothing changes any more.

use rusqlite::{Connection, OptionalExtension, params};

use crate::wire::urn::{LATEST, Qualifier};

use super::super::failure::{Failure, Outcome};
use super::alias::{self, Alias};
use super::function::{Function, read};

const COLUMNS: &str = "functions.id, package, functions.name, versions.settings, versions.code_type, \
                       versions.code_url, versions.code_filename, versions.code_size, versions.digest, \
                       versions.dependencies, resource_id, versions.image_name, published, versions.name, description";
const TABLES: &str = "versions JOIN functions ON functions.id = function_id";

/// A function as a qualifier means it, given its latest version.
///
/// `draw`, from 0 to 99, is where a request falls among the versions of an alias that shares requests out; without it the
/// alias means its main version.
pub(crate) fn resolve(
    connection: &Connection,
    latest: Function,
    qualifier: Option<&Qualifier>,
    draw: Option<u8>,
) -> Outcome<Function> {
    let version = match qualifier {
        None => return Ok(latest),
        Some(Qualifier::Version(version)) => version.clone(),
        Some(Qualifier::Alias(name)) => {
            let alias = alias::get(connection, &latest, name)?;
            draw.and_then(|draw| alias.drawn(draw)).unwrap_or(&alias.version).to_owned()
        }
    };
    get(connection, latest, &version)
}

/// A version that is expected to be there.
pub(crate) fn get(connection: &Connection, latest: Function, version: &str) -> Outcome<Function> {
    if version == LATEST {
        return Ok(latest);
    }
    let query = format!("SELECT {COLUMNS} FROM {TABLES} WHERE function_id = ?1 AND versions.name = ?2");
    let mut statement = connection.prepare_cached(&query)?;
    let found = statement.query_row(params![latest.id, version], read).optional()?;
    let missing = || format!("can not find version {version} of function {}", latest.name);
    found.ok_or_else(|| Failure::missing("FSS.1052", missing()))
}

/// The published versions of a function, oldest first.
pub(crate) fn list(connection: &Connection, function: i64) -> Outcome<Vec<Function>> {
    let query = format!("SELECT {COLUMNS} FROM {TABLES} WHERE function_id = ?1 ORDER BY versions.id");
    let mut statement = connection.prepare_cached(&query)?;
    Ok(statement.query_map([function], read)?.collect::<Result<_, _>>()?)
}

/// Keeps what the latest version is now, as a version of this name, with its code.
pub(crate) fn publish(connection: &Connection, function: i64, version: &Publication) -> Outcome<()> {
    let Publication { name, description, published } = version;
    let mut statement = connection.prepare_cached(
        "INSERT INTO versions (function_id, name, description, settings, code_type, code_url, code_filename, \
         code_size, digest, dependencies, image_name, published) SELECT id, ?2, ?3, settings, code_type, code_url, \
         code_filename, code_size, digest, dependencies, image_name, ?4 FROM functions WHERE id = ?1",
    )?;
    let id = statement.insert(params![function, name, description, published])?;
    let query = "INSERT INTO version_code SELECT ?2, archive FROM code WHERE function_id = ?1";
    connection.prepare_cached(query)?.execute([function, id])?;
    Ok(())
}

/// What a version has that the latest one has not.
#[derive(Debug, Clone)]
pub(crate) struct Publication {
    pub(crate) name: String,
    pub(crate) description: String,
    /// Seconds since 1970.
    pub(crate) published: i64,
}

/// Removes a version with the aliases that name it, and the policies of all of them.
pub(crate) fn delete(connection: &Connection, function: i64, version: &str) -> Outcome<()> {
    let aliases = alias::list(connection, function)?;
    for Alias { name, .. } in aliases.iter().filter(|alias| alias.version == version) {
        alias::delete(connection, function, name)?;
    }
    super::async_policy::delete(connection, function, version)?;
    super::reserved_instance::delete(connection, function, version)?;
    let query = "DELETE FROM versions WHERE function_id = ?1 AND name = ?2";
    connection.prepare_cached(query)?.execute(params![function, version])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::async_policy::{self, Policy};
    use super::*;
    use crate::wire::alias::{Strategies, Weights};

    /// A database with a function whose alias `prod` names v1, and v2 for a third of the requests.
    fn database() -> (tempfile::TempDir, Connection) {
        let directory = tempfile::tempdir().unwrap();
        let connection = super::super::open(&directory.path().join("store.db")).unwrap();
        let function =
            "INSERT INTO functions VALUES (1, 'default', 'f', '{}', 'zip', '', 'f.zip', 1, 'd', '[]', '', '', 0)";
        connection.execute_batch(function).unwrap();
        for name in ["v1", "v2"] {
            connection.execute("INSERT OR REPLACE INTO code VALUES (1, ?1)", [name.as_bytes()]).unwrap();
            publish(&connection, 1, &Publication { name: name.to_owned(), description: String::new(), published: 0 })
                .unwrap();
        }
        let weights = Weights::from([("v2".to_owned(), 33)]);
        let (name, version, strategies) = ("prod".to_owned(), "v1".to_owned(), Strategies::new());
        let alias = Alias { name, version, description: String::new(), weights, strategies, modified: 0 };
        alias::put(&connection, 1, &alias).unwrap();
        (directory, connection)
    }

    fn latest(connection: &Connection) -> Function {
        super::super::function::find(connection, "default", "f").unwrap().unwrap()
    }

    #[test]
    fn a_qualifier_means_a_version_with_its_code() {
        let (_directory, connection) = database();
        let meant = |qualifier: Option<&str>, draw| {
            let qualifier = qualifier.and_then(Qualifier::parse);
            let function = resolve(&connection, latest(&connection), qualifier.as_ref(), draw)?;
            let archive = super::super::code::read(&connection, function.id, &function.version)?.unwrap_or_default();
            Ok::<_, Failure>((function.version, String::from_utf8(archive).unwrap()))
        };
        let version = |name: &str, code: &str| Ok((name.to_owned(), code.to_owned()));
        assert_eq!(meant(None, Some(0)), version("latest", "v2"));
        assert_eq!(meant(Some("latest"), None), version("latest", "v2"));
        assert_eq!(meant(Some("v1"), Some(0)), version("v1", "v1"));
        assert_eq!(meant(Some("!prod"), None), version("v1", "v1"));
        assert_eq!(meant(Some("!prod"), Some(32)), version("v2", "v2"));
        assert_eq!(meant(Some("!prod"), Some(33)), version("v1", "v1"));
        assert_eq!(meant(Some("v3"), None).unwrap_err().code, "FSS.1052");
        assert_eq!(meant(Some("!test"), None).unwrap_err().code, "FSS.1053");
    }

    #[test]
    fn an_aliass_own_policy_comes_before_the_versions() {
        let (_directory, connection) = database();
        let put = |qualifier: &str| {
            let (qualifier, configuration) =
                (qualifier.to_owned(), crate::wire::async_policy::PutAsyncConfig::default());
            let policy = Policy { qualifier, configuration, created: 0, modified: 0 };
            async_policy::put(&connection, 1, &policy).unwrap();
        };
        let governing = |qualifier: Option<&str>| {
            let qualifier = qualifier.and_then(Qualifier::parse);
            let version = resolve(&connection, latest(&connection), qualifier.as_ref(), None).unwrap();
            let policy = async_policy::governing(&connection, &version, qualifier.as_ref()).unwrap();
            policy.map(|policy| policy.qualifier)
        };
        assert_eq!(governing(Some("!prod")), None);
        put("v1");
        assert_eq!((governing(Some("!prod")).as_deref(), governing(None)), (Some("v1"), None));
        put("!prod");
        put("latest");
        assert_eq!(governing(Some("!prod")).as_deref(), Some("!prod"));
        assert_eq!(governing(Some("v1")).as_deref(), Some("v1"));
        assert_eq!(governing(None).as_deref(), Some("latest"));
    }
}
