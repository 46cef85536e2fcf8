//! Parses YAML text into a tree with positions, without interpreting it: an alias is its anchor's node, and a scalar is
//! text.

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span as Scanned, StrInput, Tag};
use std::collections::BTreeMap;
use std::ops::Range;

use super::syntax;

/// The deepest nesting. A manifest needs 6 levels; the limit prevents stack overflows in recursive code.
pub(super) const DEPTH: usize = 64;

/// An estimate of the bytes of text per node, on the low side, so that memory for the nodes is allocated once instead
/// of grown. The unused part is never touched.
const BYTES_PER_NODE: usize = 8;

/// Nodes by index. Aliases share their anchor's node, so this is an acyclic graph.
#[derive(Debug)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    /// The text of all scalars. The parser allocates too much memory for each one, so it is not kept.
    texts: String,
    /// `None` if the text has no node.
    pub(super) root: Option<usize>,
}

#[derive(Debug)]
pub(super) struct Node {
    pub(super) span: Span,
    pub(super) content: Content,
}

#[derive(Debug)]
pub(super) enum Content {
    /// `resolved` marks a plain scalar, which may be a number, a boolean or null. The tree has its text.
    Scalar {
        text: Range<usize>,
        resolved: bool,
    },
    Sequence(Vec<usize>),
    /// Keys and values in text order, including duplicates and merge keys.
    Mapping(Vec<(usize, usize)>),
}

/// A range within one line. Lines count from 1, columns from 0, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) line: u32,
    pub(super) column: u32,
    /// 0 if there is no text, as for an empty value.
    pub(super) length: u32,
}

/// Why a text cannot be parsed.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) span: Span,
    pub(super) message: String,
    /// What to write instead.
    pub(super) help: Option<String>,
}

impl Broken {
    fn new(span: Span, message: impl Into<String>) -> Self {
        Self { span, message: message.into(), help: None }
    }
}

impl Tree {
    pub(super) fn parse(text: &str) -> Result<Self, Broken> {
        let mut builder = Builder { nodes: Vec::with_capacity(text.len() / BYTES_PER_NODE), ..Builder::default() };
        let mut parser = Parser::<StrInput>::new_from_str(text);
        while let Some(next) = parser.next_event() {
            match next {
                Ok((event, scanned)) => builder.take(event, scanned)?,
                Err(error) => {
                    let (span, info) = (Span::at(*error.marker()), error.info());
                    let bracket =
                        syntax::unclosed(text, span, builder.open_spans()).filter(|_| !info.contains("quoted"));
                    return Err(bracket.unwrap_or_else(|| syntax::explain(text, span, info)));
                }
            }
        }
        Ok(Self { nodes: builder.nodes, texts: builder.texts, root: builder.root })
    }

    pub(super) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    pub(super) fn node(&self, index: usize) -> &Node {
        &self.nodes[index]
    }

    /// The text of a scalar; `None` for other nodes.
    pub(super) fn text(&self, index: usize) -> Option<&str> {
        match &self.nodes[index].content {
            Content::Scalar { text, .. } => Some(&self.texts[text.clone()]),
            Content::Sequence(_) | Content::Mapping(_) => None,
        }
    }

    pub(super) fn is_merge(&self, key: usize) -> bool {
        matches!(self.nodes[key].content, Content::Scalar { resolved: true, .. }) && self.text(key) == Some("<<")
    }
}

impl Span {
    fn at(marker: Marker) -> Self {
        Self { line: small(marker.line()), column: small(marker.col()), length: 0 }
    }
}

/// The limited file size ensures that lines and columns fit. The type is small because there are many nodes.
fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

impl From<Scanned> for Span {
    fn from(Scanned { start, end }: Scanned) -> Self {
        // A node that spans several lines is marked at its first character.
        let length = if start.line() == end.line() { small(end.col().saturating_sub(start.col())) } else { 1 };
        Self { length, ..Self::at(start) }
    }
}

/// The tree under construction. `open` contains the collections that have not ended.
#[derive(Debug, Default)]
struct Builder {
    nodes: Vec<Node>,
    texts: String,
    root: Option<usize>,
    documents: usize,
    open: Vec<Open>,
    anchors: BTreeMap<usize, usize>,
}

#[derive(Debug)]
struct Open {
    node: usize,
    /// A key of the mapping that waits for its value.
    key: Option<usize>,
}

impl Builder {
    fn take(&mut self, event: Event, scanned: Scanned) -> Result<(), Broken> {
        let span = Span::from(scanned);
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    let help = "move it to its own file";
                    let second = Broken::new(span, "a second document starts here, but a file can have only one");
                    return Err(Broken { help: Some(help.into()), ..second });
                }
            }
            Event::Alias(anchor) => {
                let node = self.anchor(anchor, span)?;
                self.attach(node);
            }
            Event::Scalar(text, style, anchor, tag) => {
                let resolved = resolved(style, tag.as_deref(), span)?;
                if resolved && self.expects_key() {
                    syntax::visible(&text, span)?;
                }
                let start = self.texts.len();
                self.texts.push_str(&text);
                self.add(span, Content::Scalar { text: start..self.texts.len(), resolved }, anchor);
            }
            Event::SequenceStart(anchor, tag) => {
                resolved(ScalarStyle::Plain, tag.as_deref(), span)?;
                self.begin(span, Content::Sequence(Vec::new()), anchor)?;
            }
            Event::MappingStart(anchor, tag) => {
                resolved(ScalarStyle::Plain, tag.as_deref(), span)?;
                self.begin(span, Content::Mapping(Vec::new()), anchor)?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                self.open.pop();
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        Ok(())
    }

    fn anchor(&self, anchor: usize, span: Span) -> Result<usize, Broken> {
        let node = *self.anchors.get(&anchor).ok_or_else(|| Broken::new(span, "the alias has no anchor"))?;
        if self.open.iter().any(|open| open.node == node) {
            return Err(Broken::new(span, "the alias is inside its own anchor"));
        }
        Ok(node)
    }

    fn begin(&mut self, span: Span, content: Content, anchor: usize) -> Result<(), Broken> {
        if self.open.len() >= DEPTH {
            return Err(Broken::new(span, format!("the nesting is deeper than {DEPTH} levels")));
        }
        // A collection is marked at its first character.
        let node = self.add(Span { length: 1, ..span }, content, anchor);
        self.open.push(Open { node, key: None });
        Ok(())
    }

    fn add(&mut self, span: Span, content: Content, anchor: usize) -> usize {
        let node = self.nodes.len();
        self.nodes.push(Node { span, content });
        if anchor != 0 {
            self.anchors.insert(anchor, node);
        }
        self.attach(node);
        node
    }

    /// The collections that have not ended, the innermost first.
    fn open_spans(&self) -> impl Iterator<Item = Span> {
        self.open.iter().rev().map(|open| self.nodes[open.node].span)
    }

    fn expects_key(&self) -> bool {
        let is_mapping = |open: &Open| matches!(self.nodes[open.node].content, Content::Mapping(_));
        self.open.last().is_some_and(|open| open.key.is_none() && is_mapping(open))
    }

    fn attach(&mut self, node: usize) {
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return;
        };
        match &mut self.nodes[open.node].content {
            Content::Sequence(items) => items.push(node),
            Content::Mapping(entries) => match open.key.take() {
                None => open.key = Some(node),
                Some(key) => entries.push((key, node)),
            },
            Content::Scalar { .. } => {}
        }
    }
}

/// Whether a scalar can be something other than text. YAML's own tags are allowed, other tags are not.
fn resolved(style: ScalarStyle, tag: Option<&Tag>, span: Span) -> Result<bool, Broken> {
    let plain = style == ScalarStyle::Plain;
    match tag {
        None => Ok(plain),
        Some(tag) if tag.is_yaml_core_schema() => Ok(plain && tag.suffix != "str"),
        Some(tag) => {
            let help = "remove the tag; put text that starts with `!` in quotes";
            let unknown = Broken::new(span, format!("the YAML tag `{tag}` has no meaning here"));
            Err(Broken { help: Some(help.into()), ..unknown })
        }
    }
}
