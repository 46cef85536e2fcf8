//! The stack and the place that this process works on, as far as it has found out. Reports of failures name them.

use std::sync::{PoisonError, RwLock};

use crate::manifest::Manifest;
use crate::manifest::environments::Environment;
use crate::model::urn::Scope;
use crate::plan::saved::SavedPlan;
use crate::render::home::Known;

static HERE: RwLock<Known> = RwLock::new(Known::NOTHING);

/// Adds to what is known. What was found out later takes precedence.
pub(super) fn learn(known: Known) {
    let mut here = HERE.write().unwrap_or_else(PoisonError::into_inner);
    *here = known.or(std::mem::take(&mut here));
}

/// What is known at this time.
pub(super) fn known() -> Known {
    HERE.read().unwrap_or_else(PoisonError::into_inner).clone()
}

pub(super) fn of_name(environment: &str) -> Known {
    Known { environment: Some(environment.to_owned()), ..Known::default() }
}

impl From<&Environment> for Known {
    fn from(environment: &Environment) -> Self {
        Self {
            environment: Some(environment.name.clone()),
            stack: environment.stack().map(ToString::to_string),
            region: environment.region.as_ref().map(ToString::to_string),
            project_id: environment.project.as_ref().map(ToString::to_string),
        }
    }
}

impl From<&Manifest> for Known {
    fn from(manifest: &Manifest) -> Self {
        let [region, project_id] = manifest.location.names();
        Self { environment: None, stack: Some(manifest.stack.to_string()), region, project_id }
    }
}

impl From<&Scope> for Known {
    fn from(Scope { region, project_id }: &Scope) -> Self {
        Self { region: Some(region.clone()), project_id: Some(project_id.clone()), ..Self::default() }
    }
}

impl From<&SavedPlan> for Known {
    fn from(saved: &SavedPlan) -> Self {
        let environment = saved.origin.files.environment.as_ref().map(|selected| selected.name.clone());
        Self { environment, stack: Some(saved.stack.to_string()), ..Self::from(&saved.scope()) }
    }
}
