//! Instances that are kept ready: none here, but clients read these lists with every function.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use crate::wire::reserved_instance::{ReservedInstanceConfigs, ReservedInstances};

use super::page::{Page, PageQuery, Size};
use super::target::Target;
use super::{Answer, Service};

const PAGE: Size = Size { default: 400, most: 400 };
const CONFIG_PAGE: Size = Size { default: 100, most: 500 };

pub(super) async fn list(State(service): State<Arc<Service>>, query: PageQuery) -> Answer<ReservedInstances> {
    let page = Page::parse(query.marker.as_deref(), query.limit.as_deref(), PAGE)?;
    check_urn(&service, query.urn.as_deref())?;
    Ok(Json(ReservedInstances { page_info: page.info(0), ..ReservedInstances::default() }))
}

pub(super) async fn configs(State(service): State<Arc<Service>>, query: PageQuery) -> Answer<ReservedInstanceConfigs> {
    let page = Page::parse(query.marker.as_deref(), query.limit.as_deref(), CONFIG_PAGE)?;
    check_urn(&service, query.function_urn.as_deref())?;
    Ok(Json(ReservedInstanceConfigs { page_info: page.info(0), ..ReservedInstanceConfigs::default() }))
}

/// A function that is not there has no instances either: one client takes any error here for a failed read.
fn check_urn(service: &Service, urn: Option<&str>) -> Result<(), super::Failure> {
    match urn {
        None | Some("") => Ok(()),
        Some(urn) => Target::parse(service, urn).map(drop),
    }
}
