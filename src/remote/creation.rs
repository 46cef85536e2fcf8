//! Creates functions. Fields that a create does not take are written by updates after it.

use crate::model::address::FunctionAddress;
use crate::model::field::{Field, FieldSet};
use crate::model::function::Function;
use crate::model::mark;
use crate::model::row::Call;
use crate::model::state::DesiredFunction;
use crate::model::text::StackName;
use crate::wire::function::{CreateFunction, FunctionRecord, Sensitive};
use crate::wire::routes::Operation;

use super::check::{Expected, unapplied};
use super::record::seconds;
use super::update::{ConfigurationUpdate, Sent, code_fields, exposed};
use super::{Error, Remote, field};

/// A function that was created.
#[derive(Debug)]
pub struct Created {
    /// The service's digest of the code.
    pub digest: String,
    /// The time of the create in seconds since 1970, if the service returned it.
    pub modified: Option<i64>,
    /// What the service accepted but did not apply, if anything.
    pub unapplied: Option<Error>,
}

impl Remote {
    /// Creates a function with its code, under a file name that identifies the creator.
    pub async fn create_function(
        &self,
        wanted: &DesiredFunction,
        creator: Option<&StackName>,
        archive: Option<Vec<u8>>,
    ) -> Result<Created, Error> {
        let function = &wanted.function;
        let file_name = wanted.file_name(creator, &self.urn(&function.address));
        let body = creation(wanted, file_name.clone(), archive);
        let find = async || self.created(&function.address, &file_name).await;
        let record = self.client.create_function(&body, find).await?;
        // The answer lacks fields that are newer than the first release; they are read afterwards.
        let besides = Field::all().filter(|field| *field == Field::Tags || !field.is_first()).collect();
        let what = format!("POST functions for {}", function.address);
        let expected = Expected { function, returned: FieldSet::default(), besides };
        let unapplied = self.check(&what, &record, &expected).err();
        Ok(Created { modified: seconds(&record.last_modified), digest: record.digest, unapplied })
    }

    /// The function, if this create made it: its code has the name that was sent, and its tags are not set yet.
    async fn created(&self, address: &FunctionAddress, file_name: &str) -> Result<Option<FunctionRecord>, Error> {
        let record = match self.client.show_function(&self.urn(address)).await {
            Err(error) if error.is_not_found() => return Ok(None),
            shown => shown?,
        };
        let is_ours = record.code_filename == file_name && !self.read_tags(address).await?.contains_key(mark::STACK);
        Ok(is_ours.then_some(record))
    }

    /// Writes what a create did not apply, and compares the function with its declaration. Returns when the last write
    /// was.
    pub async fn complete_create(
        &self,
        wanted: &DesiredFunction,
        archive: Option<Vec<u8>>,
    ) -> Result<Option<i64>, Error> {
        // A create sends ignored fields too.
        let mut function = wanted.function.clone();
        function.ignore.clear();
        function.ignored_entries.clear();
        let address = &function.address;
        let gone = || {
            let request = self.request(Operation::ShowFunctionConfig, &[&self.urn(address)]);
            Error::contradiction(request, "the function that was just created is gone")
        };
        let now = self.read_function(address).await?.ok_or_else(gone)?;
        let is_unapplied = |call: Call| {
            let besides = Field::all().filter(|field| !field.row().is_written_by(call)).collect();
            let expected = Expected { function: &function, returned: FieldSet::default(), besides };
            unapplied(&expected, &now.live).is_some()
        };
        let mut sent = Sent::default();
        if is_unapplied(Call::Configuration) {
            let update = ConfigurationUpdate {
                function: &function,
                seen: &now.live,
                with_new_secrets: true,
                returned: FieldSet::default(),
            };
            sent.configuration = Some(self.update_configuration(update, &now).await?);
        }
        if is_unapplied(Call::Code) {
            sent.code = Some(
                self.update_code(
                    &DesiredFunction { function: function.clone(), ..wanted.clone() },
                    archive,
                    &now,
                    FieldSet::default(),
                )
                .await?,
            );
        }
        if is_unapplied(Call::MaxInstances) {
            self.update_max_instances(&function, &mut sent).await?;
        }
        if is_unapplied(Call::Reserved) {
            self.update_reservation(&function, &mut sent).await?;
        }
        sent.is_create = true;
        Ok(self.check_update(&function, &sent).await?.modified)
    }
}

fn creation(wanted: &DesiredFunction, file_name: String, archive: Option<Vec<u8>>) -> CreateFunction {
    let Function { address, configuration, secrets, .. } = &wanted.function;
    let (code_type, code_url, func_code) = code_fields(&wanted.code, archive);
    let mut fields = field::created(configuration);
    // Some regions create functions of the old type otherwise.
    fields.insert("type".to_owned(), "v2".into());
    CreateFunction {
        func_name: address.name.to_string(),
        package: address.package.to_string(),
        fields,
        code_type,
        code_url,
        code_filename: Some(file_name),
        func_code,
        encrypted_user_data: (!secrets.is_empty()).then(|| Sensitive(exposed(secrets))),
    }
}
