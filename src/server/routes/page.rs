//! Pages of lists. Markers are offsets; numbers arrive as text.

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use serde::Deserialize;

use crate::rules::quota;
use crate::wire::async_policy::PageInfo;

use super::super::failure::{Failure, Outcome};

/// The query parameters of all lists. Each list reads its own.
#[derive(Debug, Default, Deserialize)]
pub(super) struct PageQuery {
    pub(super) marker: Option<String>,
    pub(super) maxitems: Option<String>,
    pub(super) limit: Option<String>,
    pub(super) package_name: Option<String>,
    pub(super) func_name: Option<String>,
    pub(super) name: Option<String>,
    pub(super) runtime: Option<String>,
    pub(super) dependency_type: Option<String>,
    pub(super) function_urn: Option<String>,
    pub(super) urn: Option<String>,
    pub(super) request_id: Option<String>,
    pub(super) requests: Option<String>,
    pub(super) status: Option<String>,
    pub(super) query_begin_time: Option<String>,
    pub(super) query_end_time: Option<String>,
    pub(super) cursor: Option<String>,
}

impl<S: Sync> FromRequestParts<S> for PageQuery {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Outcome<Self> {
        let query = Query::try_from_uri(&parts.uri);
        query.map(|Query(query)| query).map_err(|error| Failure::refused("FSS.1001", error.body_text()))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) offset: i64,
    pub(super) limit: i64,
}

impl Page {
    /// A limit of 0 means the default, and one above the maximum means the maximum. A negative number or other text is
    /// refused.
    pub(super) fn parse(marker: Option<&str>, limit: Option<&str>, size: quota::Page) -> Outcome<Self> {
        let limit = match number("limit", limit)? {
            0 => size.default.into(),
            limit => limit.min(size.most.into()),
        };
        Ok(Self { offset: number("marker", marker)?, limit })
    }

    /// The start of the next page. After the last page it is the end of the list, and never before the start of this
    /// page.
    pub(super) fn next(self, entries: usize) -> u64 {
        to_unsigned(self.offset).saturating_add(entries as u64)
    }

    pub(super) fn info(self, entries: usize) -> PageInfo {
        PageInfo {
            next_marker: self.next(entries),
            previous_marker: to_unsigned(self.offset.saturating_sub(self.limit)),
            current_count: entries as u64,
        }
    }
}

/// A count in the type of the wire.
pub(super) fn to_unsigned(count: i64) -> u64 {
    u64::try_from(count).unwrap_or_default()
}

fn number(name: &str, text: Option<&str>) -> Outcome<i64> {
    let text = text.unwrap_or_default();
    if text.is_empty() {
        return Ok(0);
    }
    let number = text.parse().ok().filter(|number| *number >= 0);
    number.ok_or_else(|| Failure::refused("FSS.1001", format!("{name} must be a number from 0, not {text:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: quota::Page = quota::Page { default: 10, most: 100 };

    #[test]
    fn limits_are_bounded() {
        let limit = |text| Page::parse(None, text, SIZE).map(|page| page.limit).ok();
        assert_eq!([limit(None), limit(Some("")), limit(Some("0"))], [Some(10); 3]);
        assert_eq!([limit(Some("7")), limit(Some("101"))], [Some(7), Some(100)]);
        assert_eq!([limit(Some("-1")), limit(Some("x")), limit(Some("1.5"))], [None; 3]);
    }

    #[test]
    fn the_end_is_not_before_the_start() {
        let page = Page { offset: i64::MAX, limit: 10 };
        assert_eq!(page.next(0), i64::MAX as u64);
        assert_eq!(
            Page { offset: 5, limit: 10 }.info(3),
            PageInfo { next_marker: 8, previous_marker: 0, current_count: 3 }
        );
    }
}
