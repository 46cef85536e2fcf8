//! The function of a request: its package, its name, and its version or alias.

use rusqlite::Connection;

use crate::rules::urn::{LATEST, Qualifier};

use super::failure::{Failure, Outcome};
use super::refusal::FUNCTION_MISSING;
use super::store::alias::{self, Alias};
use super::store::function::{self, Function};
use super::store::version;

/// A function of this project, which need not exist.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) package: String,
    pub(crate) name: String,
    pub(crate) qualifier: Option<Qualifier>,
}

impl Target {
    /// The function in the named version. An alias means its main version.
    pub(crate) fn resolve(&self, connection: &Connection) -> Outcome<Function> {
        self.drawn(connection, None)
    }

    /// The function in the version that runs for a request. An alias may divide requests among versions.
    pub(crate) fn resolve_for(&self, connection: &Connection, request_id: &str) -> Outcome<Function> {
        self.drawn(connection, Some(draw(request_id)))
    }

    /// Like [`Self::resolve`], for a change. Published versions cannot be changed.
    pub(crate) fn changeable(&self, connection: &Connection) -> Outcome<Function> {
        let function = self.resolve(connection)?;
        if function.version == LATEST {
            return Ok(function);
        }
        let Function { name, version, .. } = function;
        let message = format!("version {version} of function {name} is published and cannot be changed, only {LATEST}");
        Err(Failure::refused("FSS.1015", message))
    }

    /// The end of the URN after the function's name: `latest`, `v1`, `!prod`.
    pub(crate) fn qualifier(&self) -> String {
        self.qualifier.as_ref().map_or(LATEST.to_owned(), Qualifier::to_string)
    }

    /// The function in its latest version, whichever version is named.
    pub(crate) fn function(&self, connection: &Connection) -> Outcome<Function> {
        let Self { package, name, qualifier: _ } = self;
        function::find(connection, package, name)?.ok_or_else(|| self.missing())
    }

    /// The function's id, even if the rest of the function cannot be read.
    pub(crate) fn id(&self, connection: &Connection) -> Outcome<i64> {
        let Self { package, name, qualifier: _ } = self;
        function::id_of(connection, package, name)?.ok_or_else(|| self.missing())
    }

    fn missing(&self) -> Failure {
        Failure::refused(FUNCTION_MISSING, format!("can not find function {}/{}", self.package, self.name))
    }

    fn drawn(&self, connection: &Connection, draw: Option<u8>) -> Outcome<Function> {
        let latest = self.function(connection)?;
        let version = match &self.qualifier {
            None => return Ok(latest),
            Some(Qualifier::Version(version)) => version.clone(),
            Some(Qualifier::Alias(name)) => {
                let alias = existing_alias(connection, &latest, name)?;
                draw.and_then(|draw| alias.drawn(draw)).unwrap_or(&alias.version).to_owned()
            }
        };
        existing_version(connection, latest, &version)
    }
}

/// A version that must exist.
pub(crate) fn existing_version(connection: &Connection, latest: Function, version: &str) -> Outcome<Function> {
    if version == LATEST {
        return Ok(latest);
    }
    let missing = || format!("can not find version {version} of function {}", latest.name);
    version::find(connection, latest.id, version)?.ok_or_else(|| Failure::refused("FSS.1052", missing()))
}

/// An alias that must exist.
pub(crate) fn existing_alias(connection: &Connection, function: &Function, name: &str) -> Outcome<Alias> {
    alias::find(connection, function.id, name)?.ok_or_else(|| missing_alias(function, name))
}

/// Like [`existing_alias`], for an alias that is replaced or deleted. It may be damaged.
pub(crate) fn require_alias(connection: &Connection, function: &Function, name: &str) -> Outcome<()> {
    if alias::exists(connection, function.id, name)? { Ok(()) } else { Err(missing_alias(function, name)) }
}

fn missing_alias(function: &Function, name: &str) -> Failure {
    Failure::refused("FSS.1053", format!("can not find alias {name} of function {}", function.name))
}

/// The draw of a request among the shares of an alias, from 0 to 99. Ids are random, and a request keeps its id, so all
/// its attempts run the same version.
fn draw(request_id: &str) -> u8 {
    let random = uuid::Uuid::parse_str(request_id).map_or(0, |id| id.as_u64_pair().1);
    u8::try_from(random % 100).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::refusal::Refusal;
    use super::super::store::async_policy::{self, Policy};
    use super::super::store::version::{Publication, publish};
    use super::super::store::{self, code};
    use super::*;
    use crate::wire::alias::{Strategies, Weights};
    use crate::wire::async_policy::PutAsyncConfig;

    /// A database with a function. Its alias `prod` means v1, and v2 for a third of the requests.
    fn database() -> (tempfile::TempDir, Connection) {
        let directory = tempfile::tempdir().unwrap();
        let connection = store::open(&directory.path().join("store.db")).unwrap();
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

    fn target(qualifier: Option<&str>) -> Target {
        let qualifier = qualifier.and_then(Qualifier::parse);
        Target { package: "default".to_owned(), name: "f".to_owned(), qualifier }
    }

    #[test]
    fn a_qualifier_selects_a_version_with_its_code() {
        let (_directory, connection) = database();
        let meant = |qualifier: Option<&str>, draw| {
            let function = target(qualifier).drawn(&connection, draw)?;
            let archive = code::read(&connection, function.id, &function.version)?.unwrap_or_default();
            Ok::<_, Failure>((function.version, String::from_utf8(archive).unwrap()))
        };
        let version = |name: &str, code: &str| Ok((name.to_owned(), code.to_owned()));
        assert_eq!(meant(None, Some(0)), version("latest", "v2"));
        assert_eq!(meant(Some("latest"), None), version("latest", "v2"));
        assert_eq!(meant(Some("v1"), Some(0)), version("v1", "v1"));
        assert_eq!(meant(Some("!prod"), None), version("v1", "v1"));
        assert_eq!(meant(Some("!prod"), Some(32)), version("v2", "v2"));
        assert_eq!(meant(Some("!prod"), Some(33)), version("v1", "v1"));
        let missing = |qualifier| match meant(Some(qualifier), None) {
            Err(Failure::Refused(Refusal { code, .. })) => code,
            other => panic!("{other:?}"),
        };
        assert_eq!([missing("v3"), missing("!test")], ["FSS.1052", "FSS.1053"]);
    }

    #[test]
    fn an_aliass_own_policy_takes_precedence_over_the_versions() {
        let (_directory, connection) = database();
        let put = |qualifier: &str| {
            let (qualifier, configuration) = (qualifier.to_owned(), PutAsyncConfig::default());
            let policy = Policy { qualifier, configuration, created: 0, modified: 0 };
            async_policy::put(&connection, 1, &policy).unwrap();
        };
        let governing = |qualifier: Option<&str>| {
            let target = target(qualifier);
            let version = target.resolve(&connection).unwrap();
            let policy = async_policy::governing(&connection, &version, target.qualifier.as_ref()).unwrap();
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
