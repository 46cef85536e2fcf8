//! Calls for functions.

use secrecy::SecretString;
use std::collections::BTreeMap;

use super::{Client, Error};
use crate::wire::function::{
    CreateFunction, FunctionCodeRecord, FunctionList, FunctionRecord, Sensitive, UpdateFunctionCode,
    UpdateFunctionConfig, UpdateMaxInstances,
};
use crate::wire::reserved_instance::{ReservedInstanceConfigs, UpdateReservedInstances};
use crate::wire::routes::{FUNCTION_PAGE, Operation, RESERVED_INSTANCE_CONFIG_PAGE};

impl Client {
    /// One page that starts at `marker`, an offset.
    pub async fn list_functions(&self, marker: u64) -> Result<FunctionList, Error> {
        let query = [("marker", marker.to_string()), ("maxitems", FUNCTION_PAGE.to_string())];
        self.get(Operation::ListFunctions, &[], &query).await
    }

    pub async fn show_function(&self, urn: &str) -> Result<FunctionRecord, Error> {
        self.get(Operation::ShowFunctionConfig, &[urn], &[]).await
    }

    /// If a lost answer leaves it unclear whether the function was created, `find` looks for it.
    pub async fn create_function<E>(
        &self,
        body: &CreateFunction,
        find: impl AsyncFn() -> Result<Option<FunctionRecord>, E>,
    ) -> Result<FunctionRecord, Error> {
        let secrets = secrets(body.encrypted_user_data.as_ref());
        let request = self.request(Operation::CreateFunction, &[]).with_json(body)?.hiding(secrets);
        self.send_once(&request, find).await
    }

    /// Replaces the configuration. The answer lacks some of the written fields, so read the function again afterwards.
    pub async fn update_function_config(&self, urn: &str, body: &UpdateFunctionConfig) -> Result<(), Error> {
        let secrets = secrets(body.encrypted_user_data.as_ref());
        let request = self.request(Operation::UpdateFunctionConfig, &[urn]).with_json(body)?.hiding(secrets);
        self.send(&request).await.map(|_| ())
    }

    /// How many instances a function has at most: -1 is unlimited, and 0 disables it.
    pub async fn update_max_instances(&self, urn: &str, number: i64) -> Result<(), Error> {
        let body = UpdateMaxInstances { max_instance_num: number };
        self.tell(Operation::UpdateFunctionMaxInstanceConfig, &[urn], Some(&body)).await
    }

    /// Sets the instances that are kept ready for a version or an alias.
    pub async fn update_reserved_instances(&self, urn: &str, body: &UpdateReservedInstances) -> Result<(), Error> {
        self.tell(Operation::UpdateFunctionReservedInstancesCount, &[urn], Some(body)).await
    }

    /// One page of the project's reservations, or only of those of a function.
    pub async fn list_reserved_instance_configs(
        &self,
        function: Option<&str>,
        marker: u64,
    ) -> Result<ReservedInstanceConfigs, Error> {
        let limit = RESERVED_INSTANCE_CONFIG_PAGE.to_string();
        let of_function = function.map(|urn| ("function_urn", urn.to_owned()));
        let page = [("marker", marker.to_string()), ("limit", limit)];
        let query: Vec<_> = of_function.into_iter().chain(page).collect();
        self.get(Operation::ListReservedInstanceConfigs, &[], &query).await
    }

    pub async fn show_function_code(&self, urn: &str) -> Result<FunctionCodeRecord, Error> {
        self.get(Operation::ShowFunctionCode, &[urn], &[]).await
    }

    /// Returns `None` if the answer has no body.
    pub async fn update_function_code(
        &self,
        urn: &str,
        body: &UpdateFunctionCode,
    ) -> Result<Option<FunctionCodeRecord>, Error> {
        self.call_if_answered(Operation::UpdateFunctionCode, &[urn], body).await
    }

    /// Deletes the function with its versions, aliases and triggers.
    pub async fn delete_function(&self, urn: &str) -> Result<(), Error> {
        self.tell::<()>(Operation::DeleteFunction, &[urn], None).await
    }
}

/// The values in the JSON object of secrets in a body.
fn secrets(body: Option<&Sensitive>) -> Vec<SecretString> {
    let Some(Sensitive(text)) = body else { return Vec::new() };
    match serde_json::from_str::<BTreeMap<String, String>>(text) {
        Ok(values) => values.into_values().map(Into::into).collect(),
        Err(_) => vec![text.as_str().into()],
    }
}
