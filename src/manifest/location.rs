//! The `region` and `project` of manifests. They prevent a manifest from being applied to the wrong account.

use crate::diagnostic::{Diagnostic, Spot};
use crate::model::text::{ProjectId, RegionName};
use crate::model::urn::Scope;

/// The place that the manifests name. Parts that they leave out can have any value.
#[derive(Debug, Clone, Default)]
pub struct Location {
    pub(super) region: Option<(RegionName, Spot)>,
    pub(super) project: Option<(ProjectId, Spot)>,
}

/// What the place is compared with, and who names the place.
pub(super) struct Comparison<'a> {
    pub(super) subject: &'a str,
    /// Where the connection leads; `None` is not compared.
    pub(super) region: Option<&'a str>,
    pub(super) project: Option<&'a str>,
    /// What to do about a difference; by default, connect to the place.
    pub(super) help: Option<&'static str>,
}

impl Location {
    /// The names of the region and the project, if the manifests give them.
    pub fn names(&self) -> [Option<String>; 2] {
        let Self { region, project } = self;
        let region = region.as_ref().map(|(region, _)| region.to_string());
        [region, project.as_ref().map(|(project, _)| project.to_string())]
    }

    /// An error for each part of the place that differs from `here`.
    pub fn mismatches(&self, here: &Scope) -> Vec<Diagnostic> {
        let Scope { region, project_id } = here;
        let (region, project) = (Some(region.as_str()), Some(project_id.as_str()));
        self.compared(&Comparison { subject: "the manifest", region, project, help: None })
    }

    pub(super) fn compared(&self, with: &Comparison<'_>) -> Vec<Diagnostic> {
        let Self { region, project } = self;
        let region = region.as_ref().zip(with.region).map(|((region, spot), here)| Part {
            what: "region",
            code: "other-region",
            flag: "--region",
            wanted: region.as_str(),
            here,
            spot,
        });
        let project = project.as_ref().zip(with.project).map(|((project, spot), here)| Part {
            what: "project",
            code: "other-project",
            flag: "--project-id",
            wanted: project.as_str(),
            here,
            spot,
        });
        let parts = region.into_iter().chain(project).filter(|part| part.wanted != part.here);
        parts.map(|part| mismatch(&part, with)).collect()
    }
}

/// A part of the place: the declared value, and the connection's value.
struct Part<'a> {
    what: &'static str,
    code: &'static str,
    flag: &'static str,
    wanted: &'a str,
    here: &'a str,
    spot: &'a Spot,
}

fn mismatch(part: &Part<'_>, with: &Comparison<'_>) -> Diagnostic {
    let Part { what, code, flag, wanted, here, spot } = part;
    let message = format!("{} is for {what} {wanted}, but the connection leads to {what} {here}", with.subject);
    let connect = || {
        format!(
            "connect to the {what} of the manifest, for example with `{flag} {wanted}`; `fgctl whoami` shows where the \
             connection leads, and why"
        )
    };
    Diagnostic::error(code, message).help(with.help.map_or_else(connect, str::to_owned)).at((*spot).clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_of_the_place_is_compared_if_the_manifest_names_it() {
        let here = Scope { region: "eu-de".into(), project_id: "p1".into() };
        let location = |region: Option<&str>, project: Option<&str>| Location {
            region: region.map(|name| (RegionName::new(name).expect("a region"), Spot::value(0, "/region"))),
            project: project.map(|id| (ProjectId::new(id).expect("an id"), Spot::value(0, "/project"))),
        };
        let table: [(_, _, &[_]); 5] = [
            (None, None, &[]),
            (Some("eu-de"), Some("p1"), &[]),
            (Some("eu-nl"), None, &[("other-region", "/region")]),
            (Some("eu-de"), Some("p2"), &[("other-project", "/project")]),
            (Some("EU-DE"), Some("p2"), &[("other-region", "/region"), ("other-project", "/project")]),
        ];
        for (region, project, expected) in table {
            let found = location(region, project).mismatches(&here);
            let found: Vec<_> =
                found.iter().map(|one| (one.code, one.spot.as_ref().map_or("", |spot| &spot.pointer))).collect();
            assert_eq!(found, expected, "{region:?} {project:?}");
        }
    }

    #[test]
    fn a_mismatch_names_both_sides() {
        let project = Some((ProjectId::new("p1").expect("an id"), Spot::value(0, "/project")));
        let here = Scope { region: "eu-de".into(), project_id: "p2".into() };
        let found = Location { region: None, project }.mismatches(&here);
        assert_eq!(found[0].message, "the manifest is for project p1, but the connection leads to project p2");
    }
}
