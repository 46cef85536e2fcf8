//! Numbers that a field may hold.

/// Whole numbers from `least` to `most`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    pub least: u32,
    pub most: u32,
}

impl Range {
    const fn new(least: u32, most: u32) -> Self {
        Self { least, most }
    }

    pub fn contains(self, number: i64) -> bool {
        (i64::from(self.least)..=i64::from(self.most)).contains(&number)
    }
}

/// Retries after a failed attempt. A request has at most this many attempts plus one.
pub const MAX_RETRIES: Range = Range::new(0, 3);
pub const DEFAULT_MAX_RETRIES: u32 = 1;

/// Seconds in which an asynchronous request may start attempts; the maximum is 24 hours.
pub const VALIDITY_SECONDS: Range = Range::new(1, 86_400);
pub const DEFAULT_VALIDITY_SECONDS: u32 = 3_600;

/// Days after which OBS deletes a notification object; 0 keeps it forever.
pub const EXPIRES_DAYS: Range = Range::new(0, 365);
pub const DEFAULT_EXPIRES_DAYS: u32 = 0;

/// Seconds that one run may take; the maximum is 72 hours.
pub const TIMEOUT_SECONDS: Range = Range::new(3, 259_200);
pub const DEFAULT_TIMEOUT_SECONDS: u32 = 3;

/// Seconds that an initializer may take.
pub const INITIALIZER_SECONDS: Range = Range::new(1, 300);
/// Seconds that an initializer or another hook may take if nothing else is declared.
pub const DEFAULT_HOOK_SECONDS: u32 = 3;

/// Seconds that a pre-stop handler may take.
pub const PRE_STOP_SECONDS: Range = Range::new(1, 90);

/// Seconds that a restore hook may take.
pub const RESTORE_HOOK_SECONDS: Range = Range::new(1, 300);

/// Milliseconds between two requests of a trigger for new records.
pub const POLLING_MILLISECONDS: Range = Range::new(2, 60_000);
/// Bytes that a trigger fetches at once.
pub const FETCH_BYTES: Range = Range::new(1_024, 4_194_304);
/// Milliseconds that an API gateway waits for a function.
pub const GATEWAY_MILLISECONDS: Range = Range::new(1, 60_000);

/// The memory sizes in MB that a function can have.
pub const MEMORY_MB: [u32; 15] =
    [128, 256, 512, 768, 1024, 1280, 1536, 1792, 2048, 2560, 3072, 3584, 4096, 8192, 10240];
pub const DEFAULT_MEMORY_MB: u32 = 128;

/// MB of GPU memory, in steps of [`GPU_MEMORY_STEP_MB`]. Documented are up to 16,384; regions have GPUs with more.
pub const GPU_MEMORY_MB: Range = Range::new(1024, 98_304);
pub const GPU_MEMORY_STEP_MB: u32 = 1024;

/// The sizes of temporary storage in MB that a function can have.
pub const EPHEMERAL_STORAGE_MB: [u32; 2] = [512, 10_240];
pub const DEFAULT_EPHEMERAL_STORAGE_MB: u32 = 512;

/// Users and groups that can own mounts; -1 lets the service choose. The runtime's own are taken.
pub const MOUNT_OWNERS: Range = Range::new(1, 65_534);
pub const DEFAULT_MOUNT_OWNER: i64 = -1;
pub const TAKEN_MOUNT_OWNERS: [i64; 2] = [1000, 1002];

/// Users and groups that can run a container.
pub const CONTAINER_OWNERS: Range = Range::new(0, 65_534);

/// Concurrent instances of a function. Outside this range, -1 means unlimited and 0 disables the function.
pub const INSTANCES: Range = Range::new(1, 1000);
pub const UNLIMITED_INSTANCES: i64 = -1;
pub const DISABLED_INSTANCES: i64 = 0;
pub const DEFAULT_INSTANCES: u32 = 400;

/// Instances that are kept ready.
pub const RESERVED_INSTANCES: Range = Range::new(0, 1000);

/// The percentage of requests that instances handle at once, from which on more instances are kept ready.
pub const LOAD_PERCENT: Range = Range::new(1, 99);

/// Requests that one instance handles at the same time; 0 acts as 1.
pub const REQUESTS_PER_INSTANCE: Range = Range::new(0, 1000);
pub const DEFAULT_REQUESTS_PER_INSTANCE: u32 = 1;
