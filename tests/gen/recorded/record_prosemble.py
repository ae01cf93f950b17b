"""Records models of prosemble, trained for a few steps: their own files, and their own answers.

    pip install prosemble==2.4.0 jax optax chex onnx
    python record_prosemble.py

``prosemble_NAME.npz`` is what `save` writes; ``prosemble_answers.npz`` holds integer queries and, for each name, the
labels of `predict`, and for GRLVQ, whose `predict` leaves out the relevances, those of its ONNX export too.
"""

from pathlib import Path

import numpy as np
from prosemble.models import GLVQ, GMLVQ, GRLVQ, LGMLVQ, MRSLVQ, OCGLVQ, OCGMLVQ, NeuralGas
from sklearn.datasets import load_iris

HERE = Path(__file__).parent
X, y = load_iris(return_X_y=True)
X = np.rint(X * 10).astype(np.float32)
QUERIES = np.random.default_rng(0).integers(0, 80, (150, 4)).astype(np.float32)
STEPS = {"max_iter": 5, "random_seed": 0}

models = {
    "GLVQ": GLVQ(n_prototypes_per_class=2, **STEPS),
    "GRLVQ": GRLVQ(n_prototypes_per_class=2, **STEPS),
    "GMLVQ": GMLVQ(n_prototypes_per_class=2, latent_dim=3, lr=0.1, **STEPS),
    "MRSLVQ": MRSLVQ(n_prototypes_per_class=1, lr=0.1, **STEPS),
    "LGMLVQ": LGMLVQ(n_prototypes_per_class=1, **STEPS),
    "OCGLVQ": OCGLVQ(n_prototypes=1, target_label=1, **STEPS),
    "OCGMLVQ": OCGMLVQ(n_prototypes=3, target_label=1, **STEPS),
}
answers = {"queries": QUERIES}
for name, model in models.items():
    model.fit(X, y)
    if name == "GRLVQ":
        # A few steps hardly move them from equal ones.
        model.relevances_ = np.array([0.55, 0.25, 0.15, 0.05], np.float32)
        model.export_onnx(batch_size=-1, path=str(HERE / "prosemble_GRLVQ.onnx"))
        from onnx.reference import ReferenceEvaluator

        session = ReferenceEvaluator(str(HERE / "prosemble_GRLVQ.onnx"))
        answers["GRLVQ_onnx"] = session.run(None, {"X": QUERIES})[0]
    if name in ("GLVQ", "GMLVQ", "LGMLVQ", "OCGLVQ"):
        model.export_onnx(batch_size=-1, path=str(HERE / f"prosemble_{name}.onnx"))
    model.save(str(HERE / f"prosemble_{name}.npz"))
    answers[name] = np.asarray(model.predict(QUERIES))
gas = NeuralGas(n_prototypes=5, **STEPS)
gas.fit(X)
gas.save(str(HERE / "prosemble_NeuralGas.npz"))
answers["NeuralGas"] = np.asarray(gas.predict(QUERIES))
np.savez_compressed(HERE / "prosemble_answers.npz", **answers)
