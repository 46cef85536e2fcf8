//! When a timer starts its function.

use crate::rules::text::{Text, TextRule};

/// The two kinds of schedules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Rate,
    Cron,
}

static RATE: Text = Text::of(TextRule {
    noun: "rate",
    pattern: "^([1-9]|[1-5][0-9]|60)m$|^([1-9]|1[0-9]|2[0-4])h$|^([1-9]|[12][0-9]|30)d$",
    length: (2, 3),
    bytes: None,
    except: None,
    expectation: "is 1m to 60m, 1h to 24h, or 1d to 30d",
});
static CRON: Text = Text::of(TextRule {
    noun: "cron expression",
    pattern: r"^(CRON_TZ=[A-Za-z0-9_+/-]+ )?(@every ([0-9]+(h|m|s))+|[0-9A-Za-z*/,?#-]+( [0-9A-Za-z*/,?#-]+){4,5})$",
    length: (9, 128),
    bytes: None,
    except: None,
    expectation: "has 5 or 6 fields, with the seconds first, as in `0 15 2 * * ?`, or is `@every` with a duration; a time zone can come first, as in `CRON_TZ=Europe/Berlin 0 0 8 * * MON-FRI`",
});

impl Kind {
    /// The service's name, as `schedule_type`.
    pub const fn wire(self) -> &'static str {
        match self {
            Self::Rate => "Rate",
            Self::Cron => "Cron",
        }
    }

    pub fn of_wire(name: &str) -> Option<Self> {
        [Self::Rate, Self::Cron].into_iter().find(|kind| kind.wire() == name)
    }

    pub fn rule(self) -> &'static Text {
        match self {
            Self::Rate => &RATE,
            Self::Cron => &CRON,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_follow_their_rules() {
        for rate in ["1m", "60m", "24h", "30d"] {
            assert!(Kind::Rate.rule().accepts(rate), "{rate}");
        }
        for rate in ["0m", "61m", "25h", "31d", "5s", "5", "m", "1m\n", "01m"] {
            assert!(!Kind::Rate.rule().accepts(rate), "{rate}");
        }
        let accepted = [
            "0 15 2 * * ?",
            "0 0 * * *",
            "@every 1h30m",
            "CRON_TZ=Europe/Berlin 0 0 8 * * MON-FRI",
            "0 */10 * ? Jan-Mar 0,6",
        ];
        for cron in accepted {
            assert!(Kind::Cron.rule().accepts(cron), "{cron}");
        }
        for cron in ["", "* * * *", "@hourly", "0 0 8 * * ? 2026", "TZ=UTC 0 0 8 * * ?", "@every", "0  0 8 * * ?"] {
            assert!(!Kind::Cron.rule().accepts(cron), "{cron}");
        }
    }
}
