//! Calls for triggers.

use serde_json::Value;

use super::{Client, Error};
use crate::wire::routes::{Operation, TRIGGER_PAGE};
use crate::wire::trigger::{CreateTrigger, TriggerPage, TriggerRecord, UpdateTrigger, secrets};

/// One trigger: the service finds it only by all three.
#[derive(Debug, Clone, Copy)]
pub struct TriggerReference<'a> {
    /// The function's URN with the version or alias that the trigger starts.
    pub urn: &'a str,
    /// The type: `TIMER`.
    pub code: &'a str,
    pub id: &'a str,
}

impl TriggerReference<'_> {
    fn names(&self) -> [&str; 3] {
        [self.urn, self.code, self.id]
    }
}

impl Client {
    /// All triggers of one version or alias; the service does not page them.
    pub async fn list_triggers(&self, urn: &str) -> Result<Vec<TriggerRecord>, Error> {
        self.get_list(Operation::ListFunctionTriggers, &[urn]).await
    }

    /// One page of the project's triggers, starting at `marker`, an offset. Not every region has this call.
    pub async fn list_project_triggers(&self, marker: u64) -> Result<TriggerPage, Error> {
        let query = [("marker", marker.to_string()), ("maxitems", TRIGGER_PAGE.to_string())];
        self.get(Operation::ListActiveTrigger, &[], &query).await
    }

    pub async fn show_trigger(&self, trigger: TriggerReference<'_>) -> Result<TriggerRecord, Error> {
        self.get(Operation::ShowFunctionTrigger, &trigger.names(), &[]).await
    }

    /// If a lost answer leaves it unclear whether the trigger was created, `find` looks for it.
    pub async fn create_trigger<E>(
        &self,
        urn: &str,
        body: &CreateTrigger,
        find: impl AsyncFn() -> Result<Option<TriggerRecord>, E>,
    ) -> Result<TriggerRecord, Error> {
        let hidden = secrets(&body.event_data).map(Into::into).collect();
        let request = self.request(Operation::CreateFunctionTrigger, &[urn]).with_json(body)?.hiding(hidden);
        self.send_once(&request, find).await
    }

    /// The change can take effect some time after the answer.
    pub async fn update_trigger(&self, trigger: TriggerReference<'_>, body: &UpdateTrigger) -> Result<(), Error> {
        let data = body.event_data.iter().filter_map(Value::as_object);
        let hidden = data.flat_map(secrets).map(Into::into).collect();
        let request = self.request(Operation::UpdateTrigger, &trigger.names()).with_json(body)?.hiding(hidden);
        self.send(&request).await.map(|_| ())
    }

    /// Deletes one trigger. There is no call here for all triggers of a function, because without a version it deletes
    /// those of every version and alias, including those of others.
    pub async fn delete_trigger(&self, trigger: TriggerReference<'_>) -> Result<(), Error> {
        self.tell::<()>(Operation::DeleteFunctionTrigger, &trigger.names(), None).await
    }
}
