//! The maximum number of entries, bytes and items on a page.

const KB: u64 = 1024;
const MB: u64 = 1024 * KB;

/// Functions of one account.
pub const FUNCTIONS: u32 = 400;
/// Versions of one function, including `latest`.
pub const VERSIONS: usize = 20;
/// Aliases of one function.
pub const ALIASES: usize = 10;
/// Tags on one function.
pub const TAGS: usize = 20;

/// Environment variables of one function. Secrets have the same limit of their own.
pub const ENVIRONMENT_ENTRIES: usize = 20;
/// Bytes of all names and values of the environment together. Secrets have the same limit of their own.
pub const ENVIRONMENT_BYTES: usize = 4096;

/// Dependency packages of one function.
pub const DEPENDENCIES: usize = 20;
/// Bytes of a dependency package that the API accepts (40 MB).
pub const DEPENDENCY_BYTES: u64 = 40 * MB;
/// File systems that one function can mount.
pub const MOUNTS: usize = 5;
/// Tags on one function's log.
pub const LOG_TAGS: usize = 10;

/// Bytes of a code archive that the API accepts (50 MB).
pub const ARCHIVE_BYTES: u64 = 50 * MB;
/// Bytes of an unpacked archive (1,500 MB).
pub const UNPACKED_BYTES: u64 = 1500 * MB;
/// Bytes of inline code.
pub const INLINE_CODE_BYTES: usize = 10 * 1024;

/// Bytes of an asynchronous request's event.
pub const ASYNC_EVENT_BYTES: usize = 256 * 1024;
/// Bytes of a synchronous request's event.
pub const SYNC_EVENT_BYTES: usize = 6 * 1024 * 1024;
/// Bytes of a synchronous run's result.
pub const RESULT_BYTES: usize = 6 * 1024 * 1024;
/// Bytes of an asynchronous run's result. The service does not send a larger result to the targets.
pub const ASYNC_RESULT_BYTES: usize = 256 * 1024;

/// Items on one page of a list: the default and the maximum.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    pub default: u32,
    pub most: u32,
}

pub const FUNCTION_PAGE: Page = Page { default: 400, most: 400 };
pub const DEPENDENCY_PAGE: Page = Page { default: 400, most: 400 };
pub const VERSION_PAGE: Page = Page { default: 400, most: 400 };
pub const ASYNC_CONFIG_PAGE: Page = Page { default: 10, most: 100 };
pub const INVOCATION_PAGE: Page = Page { default: 100, most: 500 };
pub const TRIGGER_PAGE: Page = Page { default: 100, most: 500 };
pub const RESERVED_INSTANCE_PAGE: Page = Page { default: 400, most: 400 };
pub const RESERVED_INSTANCE_CONFIG_PAGE: Page = Page { default: 100, most: 500 };
