import dataclasses
import json
import re
import shutil

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.tree import ExtraTreeClassifier

import prototile as pt
from prototile.commands import plain
from prototile.design import compare
from prototile.folder import chip
from prototile.summary import explanation_table


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_labels_are_the_users(small_design, small_data):
    X, y = small_data
    labels = small_design.predict(X)
    assert set(labels) == {"ash", "birch", "cedar"}
    assert small_design.score(X, y) > 0.9
    assert np.array_equal(labels, small_design.classes[small_design.decide(X)["label"]])


def test_decisions_are_the_nearest_prototypes(small_design, small_data):
    queries, saturated = small_design.quantise(small_data[0])
    prototypes = small_design.quantised.prototypes.astype(int)
    distances = np.abs(queries[:, None].astype(int) - prototypes).sum(axis=2)
    records = small_design.decide(small_data[0])
    assert np.array_equal(records["prototype"], distances.argmin(axis=1))
    assert np.array_equal(records["distance"], distances.min(axis=1))
    assert np.array_equal(records["saturated"], saturated)


def test_explanation_adds_up(small_design, small_data):
    X = small_data[0]
    for row, record in enumerate(small_design.decide(X)):
        found = small_design.explain(X[row])
        assert found.contributions.sum() == found.distance == record["distance"]
        assert found.margin == found.runner_up_distance - found.distance
        assert small_design.model.labels[found.prototype] == found.label
        assert small_design.model.labels[found.runner_up_prototype] == found.runner_up != found.label
        assert np.array_equal(np.abs(found.query - found.prototype_vector), found.contributions)


def test_one_vector_is_explained_at_a_time(small_design, small_data):
    with pytest.raises(pt.InputError, match="one vector is explained at a time, not 2"):
        small_design.explain(small_data[0][:2])


def test_model_of_one_class_has_no_runner_up():
    design = pt.convert(pt.PrototypeModel(np.array([[1, 2], [3, 0]]), ["only", "only"]))
    found = design.explain([1, 2])
    assert (found.runner_up, found.runner_up_prototype, found.margin) == (None, None, 0)


def test_saved_design_is_the_same(small_design, design_folder, small_data):
    again = pt.load(design_folder)
    assert again.digest == small_design.digest
    assert again.config == small_design.config
    assert again.board_name == small_design.board_name
    assert again.bits_choice == small_design.bits_choice
    assert np.array_equal(again.decide(small_data[0]), small_design.decide(small_data[0]))
    assert np.array_equal(again.predict(small_data[0]), small_design.predict(small_data[0]))


def test_same_design_gives_the_same_bytes(design_folder, small_data, tmp_path):
    again = pt.load(design_folder).save(tmp_path / "again", vectors=small_data[0][:16])
    assert contents(again) == contents(design_folder)


def test_no_file_names_the_machine(design_folder):
    for path in design_folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert str(design_folder.parent).encode() not in content
            assert b"/home/" not in content
            assert b"/tmp/" not in content


def test_folder_is_replaced_whole(small_design, tmp_path):
    folder = small_design.save(tmp_path / "design")
    (folder / "boards").mkdir()
    small_design.save(folder)
    assert not (folder / "boards").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["design"]


def test_foreign_folder_is_left_alone(small_design, tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(pt.InputError, match="holds something that is no design; name a new or an empty folder"):
        small_design.save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("text", ["{}", '{"digest": 1, "format": 1}', "[1]", "not JSON", "[" * 100_000])
def test_folder_with_somebody_elses_configuration_is_left_alone(small_design, tmp_path, text):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(pt.InputError, match="holds something that is no design; name a new or an empty folder"):
        small_design.save(tmp_path)
    assert [path.read_text() for path in tmp_path.iterdir()] == [text]


def test_labels_without_vectors_are_refused(small_model, small_data):
    with pytest.raises(pt.InputError, match="y labels the calibration vectors, but there are none; pass calibration=X"):
        pt.convert(small_model, y=small_data[1])


def test_design_below_a_file_is_refused(small_design, tmp_path):
    (tmp_path / "file").write_text("kept")
    with pytest.raises(pt.InputError, match=r"file is a file; name a folder for the design"):
        small_design.save(tmp_path / "file")
    with pytest.raises(pt.InputError, match=r"cannot become a folder, as .*file is a file; name another folder"):
        small_design.save(tmp_path / "file" / "design")
    assert (tmp_path / "file").read_text() == "kept"


def test_digest_tells_designs_apart(small_design, small_model, small_data):
    X = small_data[0]
    other_bits = pt.convert(small_model, calibration=X, bits=6)
    other_grid = pt.convert(small_model, calibration=X, bits=5, prototypes_per_pe=4)
    other_range = pt.convert(small_model, calibration=2 * X, bits=5)
    renamed = pt.PrototypeModel(
        small_model.prototypes, np.char.upper(small_model.labels.astype(str)), preprocess=small_model.preprocess
    )
    digests = [small_design.digest] + [
        design.digest for design in (other_bits, other_grid, other_range, pt.convert(renamed, calibration=X, bits=5))
    ]
    assert len(set(digests)) == len(digests)
    assert pt.convert(small_model, calibration=X, bits=5).digest == small_design.digest


def test_exchanged_model_is_noticed(design_folder, small_model, tmp_path):
    from prototile.files import save_model

    folder = tmp_path / "design"
    shutil.copytree(design_folder, folder)
    other = pt.PrototypeModel(
        small_model.prototypes[::-1].copy(), small_model.labels, preprocess=small_model.preprocess
    )
    save_model(other, folder / "model.safetensors")
    with pytest.raises(pt.DigestError, match="convert the model again"):
        pt.load(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 1}', '{"format": 99}', "[" * 100_000])
def test_damaged_configuration_is_refused(design_folder, tmp_path, text):
    folder = tmp_path / "design"
    shutil.copytree(design_folder, folder)
    (folder / "config.json").write_text(text)
    with pytest.raises(pt.ModelFileError, match=r"config\.json .*convert the model again"):
        pt.load(folder)


@pytest.mark.parametrize(
    ("key", "value"), [("board", 7), ("board", None), ("bits_choice", 3), ("configuration", 7), ("quantiser", None)]
)
def test_value_of_the_wrong_kind_in_the_configuration_is_refused(design_folder, tmp_path, key, value):
    folder = tmp_path / "design"
    shutil.copytree(design_folder, folder)
    values = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**values, key: value}))
    with pytest.raises(pt.ModelFileError, match=r"config\.json is damaged .*convert the model again"):
        pt.load(folder)


@pytest.mark.parametrize("folder", [None, 3, ["design"]])
def test_folder_must_be_a_path(small_design, folder):
    with pytest.raises(pt.ModelFileError, match="a design is loaded from the path of its folder, not from"):
        pt.load(folder)
    with pytest.raises(pt.InputError, match="folder must be a path, not"):
        small_design.save(folder)


@pytest.mark.parametrize("max_loss", ["a", -1, float("nan"), True])
@pytest.mark.parametrize("bits", [4, "auto"])
def test_max_loss_is_checked_whether_needed_or_not(small_model, max_loss, bits):
    with pytest.raises(pt.InputError, match="max_loss must be a share between 0 and 1, not "):
        pt.convert(small_model, bits=bits, max_loss=max_loss)


def test_rows_of_different_lengths_are_not_explained(small_design):
    with pytest.raises(pt.InputError, match="x must form a rectangular array"):
        small_design.explain([[1], [2, 3]])


def test_masked_labels_are_not_scored(small_design, small_data):
    with pytest.raises(pt.InputError, match="y holds masked values"):
        small_design.score(small_data[0], np.ma.array(small_data[1], mask=np.arange(60) == 7))


def test_configuration_lists_what_was_chosen(small_design, design_folder):
    values = json.loads((design_folder / "config.json").read_text())
    assert values["configuration"] == dataclasses.asdict(small_design.config)
    assert values["digest"] == small_design.digest
    assert values["versions"]["prototile"] == pt.__version__


def test_too_large_model_says_by_how_much():
    random = np.random.default_rng(0)
    model = pt.PrototypeModel(random.integers(0, 256, size=(5000, 256)), np.arange(5000) % 3)
    with pytest.raises(
        pt.FitError, match=r"5000 prototypes .* do not fit .* at most about \d+ such PEs, \d+ prototypes, fit"
    ):
        pt.convert(model)


def test_unknown_board_and_parameters(small_model):
    with pytest.raises(pt.BoardError, match="did you mean icebreaker"):
        pt.convert(small_model, board="icebraker")
    with pytest.raises(pt.InputError, match="lanes must be a positive integer, not 0"):
        pt.convert(small_model, lanes=0)
    with pytest.raises(pt.InputError, match="bits must be an integer from 1 to 16 or 'auto', not 'many'"):
        pt.convert(small_model, bits="many")


def test_level_must_be_known(small_design, small_data):
    with pytest.raises(pt.InputError, match="level must be one of rtl, netlist, bitstream, board, not 'gds'"):
        small_design.simulate(small_data[0], level="gds")


def test_comparison_finds_a_wrong_field(small_design, small_data):
    golden = small_design.decide(small_data[0])
    found = golden.copy()
    found["margin"][7] += 1
    found["tie"][9] = ~found["tie"][9]
    verification = compare(golden, found, level="rtl", cycles=1)
    assert not verification.ok
    assert verification.mismatches == 2
    assert [difference[:2] for difference in verification.differences] == [(7, "margin"), (9, "tie")]
    assert compare(golden, golden, level="rtl", cycles=1).ok
    assert not compare(golden[:0], golden[:0], level="rtl", cycles=1).ok
    with pytest.raises(ValueError, match="60 records cannot be compared with 59"):
        compare(golden, golden[1:], level="rtl", cycles=1)


def test_host_quantises_as_the_design_does(small_design, small_data):
    X = small_data[0]
    queries, saturated = small_design.quantise(X)
    host_queries, host_saturated = chip(small_design).quantise(X)
    assert np.array_equal(host_queries, queries)
    assert np.array_equal(host_saturated, saturated)


@pytest.mark.tools
def test_generated_hardware_answers_as_the_golden_model(small_design, small_data):
    verification = small_design.verify(small_data[0])
    assert verification.ok
    assert verification.rows == 60
    assert np.array_equal(small_design.simulate(small_data[0]), small_design.decide(small_data[0]))


def of_every_kind(kind):
    """A model in chip units of each kind of node, with 12 prototypes of 3 features in 3 classes."""
    random = np.random.default_rng(11)
    points, labels = random.integers(0, 8, (12, 3)), random.integers(0, 3, 12)
    bounds = np.sort(random.integers(0, 8, (12, 3, 2)), axis=2)
    masks = random.random((12, 3)) < 0.7
    arrays = {
        "linf": {"metric": "linf"},
        "hamming": {"metric": "hamming"},
        "box": {"metric": "box", "prototypes": bounds},
        "table": {"metric": "table", "prototypes": random.integers(0, 20, (12, 3, 8))},
        "masked l1": {"masks": masks},
        "masked l2": {"masks": masks, "metric": "l2"},
        "masked linf": {"masks": masks, "metric": "linf"},
        "masked hamming": {"masks": masks, "metric": "hamming"},
        "weighted l1": {"weights": 1 << random.integers(0, 3, (12, 3))},
        "weighted masked l2": {"weights": 1 << random.integers(0, 3, (12, 3)), "masks": masks, "metric": "l2"},
        "votes": {"k": 3},
        "votes with radii": {"k": 5, "radii": 6, "reject": -1},
        "votes of boxes": {"metric": "box", "prototypes": bounds, "k": 4},
    }
    return pt.PrototypeModel(**{"prototypes": points, "labels": labels} | arrays[kind])


KINDS = (
    "linf",
    "hamming",
    "box",
    "table",
    "masked l1",
    "masked l2",
    "masked linf",
    "masked hamming",
    "weighted l1",
    "weighted masked l2",
    "votes",
    "votes with radii",
    "votes of boxes",
)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_node_in_chip_units_answers_as_its_model(kind):
    model = of_every_kind(kind)
    design = pt.convert(model, bits=3)
    X = np.stack(np.meshgrid(*[range(8)] * 3), axis=-1).reshape(-1, 3)
    assert design.predict(X).tolist() == model.predict(X).tolist()
    assert (design.golden.distances(X) == model.distances(X)).all()


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_node_is_explained(kind):
    model = of_every_kind(kind)
    design = pt.convert(model, bits=3)
    for x in ([1, 2, 3], [7, 0, 4], [5, 5, 5]):
        explanation = design.explain(x)
        distances = model.distances(np.array([x]))[0]
        fires = model.fires(distances[None])[0]
        order = sorted(range(12), key=lambda at: (not fires[at], distances[at], at))
        assert explanation.prototype == order[0]
        assert explanation.distance == distances[order[0]]
        total = np.max if "linf" in kind else np.sum
        assert total(explanation.contributions) == explanation.distance
        assert explanation.prototype_vector.tolist() == model.prototypes[order[0]].tolist()
        assert explanation.metric == model.metric
        voters = [at for at in order if fires[at] or not fires.any()][: model.k]
        assert explanation.voters.tolist() == voters
        others = [at for at in order if model.labels[at] == explanation.runner_up]
        assert explanation.runner_up_prototype == others[0]
        own = next(at for at in order if model.labels[at] == explanation.label)
        assert explanation.first_of_label.prototype == own
        assert explanation.margin == distances[others[0]] - distances[own]
        table = explanation_table(explanation, ["a", "b", "c"])
        text = "\n".join(str(cell) for cell in table.columns[1].cells)
        assert ("box " in text) == ("box" in kind and explanation.distance > 0)
        assert all(f"prototype {at} at distance" in text for at in order[: model.k])


def random_design(seed):
    """A design with or without radii, votes, threshold of the margin and label for what fires nothing."""
    random = np.random.default_rng(seed)
    count, classes = int(random.integers(2, 12)), list("abcd")[: int(random.integers(1, 5))]
    labels = random.choice(classes, count)
    radii = [None, 9.0, random.integers(0, 16, (count, 1)), {name: random.integers(1, 14) for name in classes}][
        seed % 4
    ]
    model = pt.PrototypeModel(
        random.integers(0, 8, (count, 3)),
        labels,
        metric=str(random.choice(["l1", "l2", "linf", "hamming"])),
        radii=radii,
        k=int(random.integers(1, min(count, 6) + 1)) if random.random() < 0.7 else 1,
        classes=classes,
        min_margin=random.choice([None, 2.0]),
        reject=random.choice([None, "none of these"]),
    )
    return pt.convert(model), random.integers(-2, 11, (12, 3))


def followed(values, classes):
    """The fields of a record as a reader of an explanation works them out, from what it shows and the contract."""
    first, own, other = values["neighbours"][0], values["first_of_label"], values["first_of_runner_up"]
    votes = [at["label"] for at in values["neighbours"] if at["fires"] or not first["fires"]]
    counts = [votes.count(label) for label in classes]
    several = len(values["neighbours"]) > 1
    margin = 0 if other is None else other["distance"] - own["distance"]
    if not first["fires"]:
        status = "UNKNOWN"
    elif first["radius"] is not None and other is not None and other["fires"]:
        status = "UNCERTAIN"
    else:
        status = "UNCERTAIN" if values["min_margin"] is not None and margin < values["min_margin"] else "IDENTIFIED"
    same_place = other is not None and [other[name] == own[name] for name in ("fires", "distance")] == [True, True]
    for at in (*values["neighbours"], own, other):
        assert at is None or at["fires"] == (at["radius"] is None or at["distance"] < at["radius"])
    return {
        "prototype": first["prototype"],
        "distance": first["distance"],
        "label": counts.index(max(counts)),
        "runner_up": -1 if other is None else classes.index(other["label"]),
        "margin": margin,
        "status": int(pt.Status[status]),
        "tie": counts.count(max(counts)) > 1 if several else same_place,
        "saturated": len(values["clipped"]),
    }


@pytest.mark.parametrize("seed", range(60))
def test_a_record_can_be_followed_from_its_explanation(seed):
    design, X = random_design(seed)
    classes = design.classes.tolist()
    for x, record in zip(X, design.decide(X), strict=True):
        explanation = design.explain(x)
        values = plain(explanation)
        expected = {name: record[name].item() for name in record.dtype.names}
        assert followed(values, classes) == expected
        assert values["first_of_label"]["label"] == classes[record["label"]]
        assert values["label"] in (classes[record["label"]], design.model.reject)
        assert values["clipped"] == [at for at, value in enumerate(x) if not 0 <= value < 1 << design.config.bits]
        # And what it shows is the order's.
        distances = design.golden.distances(design.quantise([x])[0])[0]
        radii = design.quantised.radii
        fires = [radii is None or distance < radii[at] for at, distance in enumerate(distances)]
        order = sorted(range(len(distances)), key=lambda at: (not fires[at], distances[at], at))
        assert [at["prototype"] for at in values["neighbours"]] == order[: design.config.k]
        assert values["voters"] == [at for at in order[: design.config.k] if fires[at] or not any(fires)]
        for name, label in (("first_of_label", record["label"]), ("first_of_runner_up", record["runner_up"])):
            members = [at for at in order if design.quantised.labels[at] == label]
            assert (values[name] or {"prototype": None})["prototype"] == (members[0] if members else None)


PLACE = re.compile(r"prototype (\d+) at distance (\d+)(?: \((fires|does not fire), radius (\d+)\))?")


def read_place(text, label):
    """A neighbour as it is printed."""
    prototype, distance, firing, radius = PLACE.search(text).groups()
    return {
        "prototype": int(prototype),
        "label": label,
        "distance": int(distance),
        "radius": None if radius is None else int(radius),
        "fires": firing != "does not fire",
    }


@pytest.mark.parametrize("seed", range(60))
def test_a_record_can_be_followed_from_the_printed_explanation(seed):
    design, X = random_design(seed)
    classes = design.classes.tolist()
    for x, record in zip(X, design.decide(X), strict=True):
        table = explanation_table(design.explain(x), ["x", "y", "z"])
        lines = dict(zip(*[[str(cell) for cell in column.cells] for column in table.columns], strict=True))
        label = lines["label"].split(", in place of ")[-1].split(" (")[0]
        winner = read_place(lines["element"], None)
        neighbours = [read_place(line, line[0]) for name, line in lines.items() if name.startswith("neighbour ")]
        own = lines.get("first of label")
        other = lines["runner-up"]
        threshold = re.search(r"\d+", lines.get("threshold", ""))
        values = {
            "neighbours": neighbours or [winner | {"label": label}],
            "first_of_label": winner if own is None else read_place(own, own[0]),
            "first_of_runner_up": None if other == "there is no other class" else read_place(other, other[0]),
            "min_margin": threshold and int(threshold[0]),
            "clipped": lines["clipped"].split(": ")[1].split(", ") if "clipped" in lines else [],
        }
        assert followed(values, classes) == {name: record[name].item() for name in record.dtype.names}
        assert label == classes[record["label"]]
        assert ("tie" in lines["element"] + lines.get("voted", "")) == record["tie"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_node_is_saved_and_loaded(kind, tmp_path):
    design = pt.convert(of_every_kind(kind))
    loaded = pt.load(design.save(tmp_path / "design"))
    assert loaded.digest == design.digest
    assert loaded.config == design.config
    assert loaded.quantised.canonical_bytes() == design.quantised.canonical_bytes()


@pytest.mark.tools
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_node_in_hardware(kind):
    design = pt.convert(of_every_kind(kind), bits=3)
    X = np.stack(np.meshgrid(*[range(8)] * 3), axis=-1).reshape(-1, 3)
    assert design.verify(X).ok


def test_boxes_of_a_tree_on_integer_data_are_exact(boxes_of):
    X, y = load_digits(return_X_y=True)
    tree = ExtraTreeClassifier(random_state=0, max_depth=6).fit(X[:1000], y[:1000])
    bounds, labels = boxes_of(tree)
    design = pt.convert(pt.PrototypeModel(bounds, labels, "box"), calibration=X, bits=5)
    assert design.quantiser.step == 1.0
    records = design.decide(X)
    assert (records["distance"] == 0).all()
    assert (records["prototype"] == np.unique(tree.apply(X), return_inverse=True)[1]).all()
    assert (design.predict(X) == tree.predict(X)).all()
