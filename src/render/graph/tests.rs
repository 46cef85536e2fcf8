//! Properties of all drawings.

use proptest::prelude::*;

use super::{dot, json, layout, mermaid, svg, text};
use crate::plan::flow::{Edge, Flow, Kind, Lifetime, Node, Via, Written};
use layout::{Area, Layout, Line, Point, Size};

pub(super) fn node(kind: Kind, name: &str) -> Node {
    Node { kind, name: name.into(), schedule: None }
}

pub(super) fn edge(from: usize, to: usize, via: Via) -> Edge {
    Edge { from, to, via, lifetime: Lifetime::Kept, is_certain: true, is_in_cycle: false, place: None }
}

pub(super) fn trigger(key: &str, code: &str) -> Via {
    Via::Trigger { key: key.into(), code: code.into() }
}

/// A stack with everything that a drawing can show.
pub(super) fn example() -> Flow {
    let nodes = vec![
        node(Kind::Function, "intake"),
        node(Kind::Function, "settle"),
        node(Kind::Function, "report:!prod"),
        node(Kind::Bucket, "orders/failures/"),
        node(Kind::Topic, "urn:smn:eu-de:0123:orders-pager"),
        Node { schedule: Some("0 15 2 * * ?".into()), ..node(Kind::Timer, "default/report/nightly") },
        node(Kind::Function, "unused"),
    ];
    let place = Some(Written { file: "fgctl.yaml".into(), line: 12, column: 7 });
    let edges = vec![
        Edge { is_in_cycle: true, ..edge(0, 1, Via::Success) },
        Edge { lifetime: Lifetime::Added, place, ..edge(0, 3, Via::Failure) },
        Edge { lifetime: Lifetime::Removed, ..edge(0, 4, Via::Failure) },
        Edge { lifetime: Lifetime::Changed, is_in_cycle: true, ..edge(1, 0, Via::Failure) },
        Edge { is_certain: false, ..edge(3, 2, trigger("lost", "OBS")) },
        edge(5, 2, trigger("nightly", "TIMER")),
        edge(2, 4, Via::Failure),
    ];
    Flow::new(nodes, edges)
}

/// Flows with any edges, and names with every sign that some format reads as its own.
fn flows() -> impl Strategy<Value = Flow> {
    let name = "[a-z\"<>&#;\\\\\\[\\](){}|`*_\n\u{1b}\u{202e}ü漢 /%-]{0,80}";
    let nodes = prop::collection::vec((0..Kind::ALL.len(), name), 1..30);
    let edges = prop::collection::vec(
        (any::<(prop::sample::Index, prop::sample::Index, bool, bool)>(), 0..5_usize, "[a-z\"<|\\]-]{1,20}"),
        0..60,
    );
    (nodes, edges).prop_map(|(nodes, edges)| {
        let nodes: Vec<Node> = nodes.into_iter().map(|(kind, name)| node(Kind::ALL[kind], &name)).collect();
        let edges = edges.into_iter().map(|((from, to, is_certain, is_in_cycle), way, key)| {
            let via = [Via::Success, Via::Failure, Via::Log, Via::Record, trigger(&key, "OBS")][way].clone();
            let lifetime = [Lifetime::Kept, Lifetime::Added, Lifetime::Changed, Lifetime::Removed][key.len() % 4];
            let (from, to) = (from.index(nodes.len()), to.index(nodes.len()));
            Edge { lifetime, is_certain, is_in_cycle, ..edge(from, to, via) }
        });
        let edges = edges.collect();
        Flow::new(nodes, edges)
    })
}

fn graphs() -> impl Strategy<Value = (Vec<Size>, Vec<Line>)> {
    let boxes = prop::collection::vec((20..400_i64, 20..80_i64), 1..40);
    let lines = prop::collection::vec(any::<(prop::sample::Index, prop::sample::Index, u8)>(), 0..90);
    (boxes, lines).prop_map(|(boxes, lines)| {
        let count = boxes.len();
        let line = |(from, to, label): (prop::sample::Index, prop::sample::Index, u8)| Line {
            from: from.index(count),
            to: to.index(count),
            label: i64::from(label),
        };
        let lines = lines.into_iter().map(line).collect();
        (boxes.into_iter().map(|(width, height)| Size { width, height }).collect(), lines)
    })
}

/// Whether two areas have a common inner point.
fn overlap(one: Area, other: Area) -> bool {
    one.x < other.x + other.width
        && other.x < one.x + one.width
        && one.y < other.y + other.height
        && other.y < one.y + one.height
}

/// A curve that starts and ends horizontally stays inside the rectangle of its ends.
fn around(one: Point, other: Point) -> Area {
    Area {
        x: one.x.min(other.x),
        y: one.y.min(other.y),
        width: (one.x - other.x).abs().max(1),
        height: (one.y - other.y).abs().max(1),
    }
}

fn touches(area: Area, point: Point) -> bool {
    let is_at_side = point.x == area.x || point.x == area.x + area.width;
    is_at_side && (area.y..=area.y + area.height).contains(&point.y)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn boxes_do_not_overlap_and_lines_run_around_them((sizes, lines) in graphs()) {
        let Layout { width, height, boxes, routes } = layout::layout(&sizes, &lines);
        let page = Area { x: 0, y: 0, width, height };
        for (index, (area, size)) in boxes.iter().zip(&sizes).enumerate() {
            prop_assert!(area.width >= size.width && area.height >= size.height);
            prop_assert!(area.x >= 0 && area.y >= 0);
            prop_assert!(area.x + area.width <= page.width && area.y + area.height <= page.height);
            for other in &boxes[..index] {
                prop_assert!(!overlap(*area, *other), "{area:?} {other:?}");
            }
        }
        for (line, route) in lines.iter().zip(&routes) {
            prop_assert!(touches(boxes[line.from], route.points[0]));
            prop_assert!(touches(boxes[line.to], route.points[route.points.len() - 1]));
            for pair in route.points.windows(2) {
                let way = around(pair[0], pair[1]);
                prop_assert!(way.y >= 0 && way.y + way.height <= page.height + 1, "{way:?} {page:?}");
                for area in &boxes {
                    prop_assert!(!overlap(way, *area), "{way:?} {area:?}");
                }
            }
        }
    }

    #[test]
    fn labels_overlap_neither_boxes_nor_each_other((sizes, lines) in graphs()) {
        let Layout { width, boxes, routes, .. } = layout::layout(&sizes, &lines);
        let labels: Vec<Area> = lines.iter().zip(&routes)
            .map(|(line, route)| Area { x: route.label.x, y: route.label.y - 16, width: line.label, height: 16 })
            .filter(|area| area.width > 0)
            .collect();
        for (index, label) in labels.iter().enumerate() {
            prop_assert!(label.x >= 0 && label.x + label.width <= width);
            prop_assert!(boxes.iter().all(|area| !overlap(*label, *area)));
            prop_assert!(labels[..index].iter().all(|other| !overlap(*label, *other)));
        }
    }

    #[test]
    fn an_image_is_valid_xml_and_shows_every_text_inside_its_box(flow in flows()) {
        let image = svg::svg(&flow, "orders <&\" stack");
        prop_assert_eq!(&image, &svg::svg(&flow, "orders <&\" stack"));
        let shown = Shown::read(&image);
        prop_assert_eq!(shown.boxes, flow.nodes.len());
        prop_assert_eq!(shown.heads, flow.edges.len());
    }

    #[test]
    fn a_tree_shows_every_edge_once_at_any_width(flow in flows(), width in 0..200_usize) {
        let tree = crate::render::style::plain(&text::text(&flow, width));
        prop_assert_eq!(tree.matches(" → ").count(), flow.edges.len());
    }

    #[test]
    fn a_flowchart_contains_no_sign_of_a_name(flow in flows()) {
        let chart = mermaid::mermaid(&flow);
        prop_assert!(chart.chars().all(|c| c == '\n' || !c.is_control()));
        for line in chart.lines().filter(|line| line.contains('"')) {
            let quoted: Vec<&str> = line.split('"').collect();
            prop_assert_eq!(quoted.len(), 3, "{}", line);
            prop_assert!(!quoted[1].contains(['<', '>', '&', '[', ']', '`', '*', '|', '\\']), "{}", line);
        }
    }

    #[test]
    fn a_graph_for_graphviz_has_no_open_quotes(flow in flows()) {
        let graph = dot::dot(&flow, "a \"stack\"");
        for line in graph.lines() {
            let quotes = line.replace("\\\\", "").replace("\\\"", "").matches('"').count();
            prop_assert!(quotes % 2 == 0, "{}", line);
        }
    }
}

/// What is in an image. Reading it checks that the image is well-formed and that nothing sticks out.
#[derive(Default)]
struct Shown {
    boxes: usize,
    heads: usize,
}

impl Shown {
    fn read(image: &str) -> Self {
        let mut reader = quick_xml::Reader::from_str(image);
        reader.config_mut().check_end_names = true;
        let (mut shown, mut around, mut depth) = (Self::default(), None, 0);
        let mut page = Area { x: 0, y: 0, width: 0, height: 0 };
        loop {
            let (tag, is_open) = match reader.read_event().expect("well-formed XML") {
                quick_xml::events::Event::Eof => break,
                quick_xml::events::Event::Start(tag) => (tag, true),
                quick_xml::events::Event::Empty(tag) => (tag, false),
                quick_xml::events::Event::End(_) => {
                    depth -= 1;
                    continue;
                }
                quick_xml::events::Event::Text(text) => {
                    text.xml_content(quick_xml::XmlVersion::Implicit1_0).expect("escaped text");
                    continue;
                }
                _ => continue,
            };
            depth += i64::from(is_open);
            let attribute = |name: &str| {
                let found = tag.try_get_attribute(name).expect("well-formed attributes")?;
                Some(String::from_utf8(found.value.into_owned()).expect("UTF-8"))
            };
            let number = |name: &str| attribute(name).and_then(|text| text.parse::<i64>().ok()).unwrap_or_default();
            let name = String::from_utf8_lossy(tag.name().as_ref()).into_owned();
            assert!(["svg", "title", "style", "rect", "text", "g", "path"].contains(&name.as_str()), "{name}");
            match (name.as_str(), attribute("class").as_deref()) {
                ("svg", _) => (page.width, page.height) = (number("width"), number("height")),
                ("rect", Some("box")) => {
                    let area =
                        Area { x: number("x"), y: number("y"), width: number("width"), height: number("height") };
                    assert!(area.x + area.width < page.width && area.y + area.height < page.height);
                    around = Some(area);
                    shown.boxes += 1;
                }
                ("text", Some("name" | "word")) => {
                    let area = around.expect("a box before its text");
                    assert!(number("x") > area.x && number("x") + number("textLength") < area.x + area.width);
                    assert!(number("y") - 11 > area.y && number("y") + 3 < area.y + area.height);
                }
                ("text", _) => assert!(number("x") + number("textLength") < page.width),
                ("path", Some("head")) => shown.heads += 1,
                _ => {}
            }
        }
        assert_eq!(depth, 0, "every tag is closed");
        shown
    }
}

#[test]
fn a_large_stack_fits_into_a_flowchart() {
    let function = |index: usize| node(Kind::Function, &format!("function-{index:05}"));
    let mut nodes: Vec<Node> = (0..5000).map(function).collect();
    nodes.extend((0..5000).map(|index| node(Kind::Bucket, &format!("bucket-{index:05}"))));
    let edges: Vec<Edge> = (0..5000).map(|index| edge(index, 5000 + index, Via::Failure)).collect();
    let chart = mermaid::mermaid(&Flow::new(nodes, edges));
    assert!(chart.contains("function-00000 and 4999 more") && chart.contains("bucket-00000 and 4999 more"), "{chart}");
}

/// Every pair of groups has every kind of edge, and the names are as long as they can be.
#[test]
fn a_flowchart_stays_small_if_nothing_can_be_folded() {
    let nodes: Vec<Node> = Kind::ALL.iter().map(|kind| node(*kind, &"漢".repeat(3000))).collect();
    let lifetimes = [Lifetime::Kept, Lifetime::Added, Lifetime::Changed, Lifetime::Removed];
    let mut edges = Vec::new();
    for (from, to) in (0..8).flat_map(|from| (0..8).map(move |to| (from, to))) {
        for (via, lifetime) in
            [Via::Success, Via::Failure].into_iter().flat_map(|via| lifetimes.map(|it| (via.clone(), it)))
        {
            edges.push(Edge { lifetime, ..edge(from, to, via) });
        }
    }
    let chart = mermaid::mermaid(&Flow::new(nodes, edges));
    assert!(chart.chars().count() <= 20_000, "{}", chart.chars().count());
    assert!(chart.matches("-->").count() + chart.matches("-.->").count() <= 200);
    assert!(chart.contains("more connections"), "{chart}");
}

#[test]
fn a_tree_shows_each_node_once_and_refers_to_it() {
    insta::assert_snapshot!(crate::render::style::plain(&text::text(&example(), 100)));
}

#[test]
fn a_narrow_terminal_continues_at_the_margin() {
    let nodes: Vec<Node> = ["a", "b", "c", "d"].map(|name| node(Kind::Function, name)).to_vec();
    let edges = (0..3).map(|from| edge(from, from + 1, Via::Success)).collect();
    insta::assert_snapshot!(crate::render::style::plain(&text::text(&Flow::new(nodes, edges), 20)), @r"
    a
    └─ on success → b (continues below)
    b
    └─ on success → c (continues below)
    c
    └─ on success → d
    ");
}

#[test]
fn a_flowchart_groups_places_by_service() {
    insta::assert_snapshot!(mermaid::mermaid(&example()));
}

#[test]
fn a_graph_for_graphviz_has_clusters() {
    insta::assert_snapshot!(dot::dot(&example(), "orders"));
}

#[test]
fn a_document_contains_every_fact() {
    insta::assert_snapshot!(format!("{:#}", json::json(&example(), "orders", &serde_json::json!([]))));
}

#[test]
fn an_image_explains_its_lines() {
    insta::assert_snapshot!(svg::svg(&example(), "orders"));
}
