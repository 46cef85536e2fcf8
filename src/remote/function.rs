//! Reads and deletes functions.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use crate::client;
use crate::model::address::FunctionAddress;
use crate::model::code::{Archive, CodeHash};
use crate::model::field::{Field, FieldSet};
use crate::model::function::Function;
use crate::model::state::LiveFunction;
use crate::wire::function::FunctionRecord;
use crate::wire::routes::Operation;

use super::{Error, Remote, configuration, record};

/// The current function, with everything that a write must send back.
#[derive(Debug)]
pub struct Current {
    pub live: LiveFunction,
    /// All fields that GET config returns, including unmanaged ones.
    pub(super) shown: Map<String, Value>,
}

impl Remote {
    /// Ensures that the function is gone, with its versions, aliases and triggers.
    pub async fn delete_function(&self, function: &FunctionAddress) -> Result<(), Error> {
        match self.client.delete_function(&self.urn(function)).await {
            Err(error) if !error.is_not_found() => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// The function as GET config returns it, with the names of its log if it declares them, or if they were `applied`.
    pub(super) async fn shown(
        &self,
        function: &Function,
        applied: FieldSet,
        urn: &str,
    ) -> Result<FunctionRecord, Error> {
        let mut record = self.client.show_function(urn).await?;
        let needs_names = [Field::LogGroupName, Field::LogStreamName].iter().any(|name| function.needs(*name, applied));
        if needs_names && configuration::has_log(&record.fields) {
            configuration::add_log_names(&mut record.fields, &self.log_names(urn).await?);
        }
        Ok(record)
    }

    /// The current function without its policy; `None` if it is gone.
    pub async fn read_function(&self, address: &FunctionAddress) -> Result<Option<Current>, Error> {
        let urn = self.urn(address);
        let record = match self.client.show_function(&urn).await {
            Ok(shown) => shown,
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        if record::address(&record).as_ref() != Some(address) {
            let problem = format!("it is about function {}/{}", record.package, record.func_name);
            return Err(Error::contradiction(self.request(Operation::ShowFunctionConfig, &[&urn]), problem));
        }
        let shown = record.fields.clone();
        let live = record::live(&record, &self.function_urn(address), self.read_tags(address).await?);
        Ok(Some(Current { live, shown }))
    }

    /// The hash of a function's archive; `None` if the service does not return the archive.
    pub async fn read_contents(&self, address: &FunctionAddress) -> Result<Option<CodeHash>, Error> {
        Ok(self.contents(&self.urn(address)).await?)
    }

    async fn contents(&self, urn: &str) -> Result<Option<CodeHash>, client::Error> {
        let record = self.client.show_function_code(urn).await?;
        let file = record.func_code.map(|code| code.file).unwrap_or_default();
        Ok(STANDARD.decode(file).ok().and_then(|bytes| Some(Archive::of_zip(&bytes).ok()?.hash)))
    }
}
