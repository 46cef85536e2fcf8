//! Runtimes: the known ones, and the language of each.

/// The list is incomplete: availability differs by region, so an unknown runtime causes only a warning.
pub const RUNTIMES: [&str; 29] = [
    "Java8",
    "Java11",
    "Java17",
    "Java21",
    "Python2.7",
    "Python3.6",
    "Python3.9",
    "Python3.10",
    "Python3.12",
    "Go1.8",
    "Go1.x",
    "Node.js6.10",
    "Node.js8.10",
    "Node.js10.16",
    "Node.js12.13",
    "Node.js14.18",
    "Node.js16.17",
    "Node.js18.15",
    "Node.js20.15",
    "C#(.NET Core 2.0)",
    "C#(.NET Core 2.1)",
    "C#(.NET Core 3.1)",
    "C#(.NET Core 6.0)",
    "Custom",
    "PHP7.3",
    "PHP8.3",
    "Cangjie1.0",
    "http",
    "Custom Image",
];

/// The runtime that runs only container images.
pub const CUSTOM_IMAGE: &str = "Custom Image";

/// The runtimes of container images.
pub const OF_IMAGES: [&str; 3] = [CUSTOM_IMAGE, "http", "Custom"];

/// The language decides what a handler means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    Python,
    NodeJs,
    Php,
    Java,
    Go,
    CSharp,
    /// The code's own program `bootstrap`, whatever the handler is: runtimes `Custom` and `http`.
    Custom,
    /// A container image, or an unknown runtime.
    Unknown,
}

impl Language {
    pub fn of(runtime: &str) -> Self {
        match runtime {
            "Custom" | "http" => Self::Custom,
            "Custom Image" => Self::Unknown,
            _ if runtime.starts_with("Python") => Self::Python,
            _ if runtime.starts_with("Node.js") => Self::NodeJs,
            _ if runtime.starts_with("PHP") => Self::Php,
            _ if runtime.starts_with("Java") => Self::Java,
            _ if runtime.starts_with("Go") => Self::Go,
            _ if runtime.starts_with("C#") => Self::CSharp,
            _ => Self::Unknown,
        }
    }

    /// The extension of a source file, for languages whose handler names one: in Python, `index.handler` is in
    /// `index.py`.
    pub const fn source_extension(self) -> Option<&'static str> {
        match self {
            Self::Python => Some("py"),
            Self::NodeJs => Some("js"),
            Self::Php => Some("php"),
            Self::Java | Self::Go | Self::CSharp | Self::Custom | Self::Unknown => None,
        }
    }
}

/// The file that a custom runtime starts, even if the archive does not mark it as executable.
pub const BOOTSTRAP: &str = "bootstrap";
