//! Quotas: the limits that the service would allow, and their usage. At most one is enforced, and only on request.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use crate::rules::quota::FUNCTIONS;
use crate::wire::quota::{Quota, QuotaList, Quotas};

use super::super::store::function;
use super::{Answer, Service};

const BYTES_OF_MB: i64 = 1024 * 1024;

pub(super) async fn list(State(service): State<Arc<Service>>) -> Answer<QuotaList> {
    let (functions, bytes) = service.core.store.run(function::usage).await?;
    let function_quota = i64::from(service.function_quota.unwrap_or(FUNCTIONS));
    let quota = |kind: &str, used: i64, quota: i64| Quota { kind: kind.to_owned(), used, quota, unit: None };
    let code_size = quota("fgs_func_code_size", (bytes + BYTES_OF_MB - 1) / BYTES_OF_MB, 10_240);
    let resources = vec![
        quota("fgs_func_scale_down_timeout", 0, 60),
        quota("fgs_func_occurs", 0, 100),
        quota("fgs_func_pat_idle_time", 0, 100),
        quota("fgs_func_num", functions, function_quota),
        Quota { unit: Some("MB".to_owned()), ..code_size },
        quota("fgs_workflow_num", 0, 512),
        quota("fgs_on_demand_instance_limit", 0, 100),
        quota("fgs_func_qos_limit", 0, 100),
    ];
    Ok(Json(QuotaList { quotas: Quotas { resources } }))
}
