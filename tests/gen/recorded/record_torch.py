"""Records models of prototorch and torchhd: state dicts, integer queries, and their own answers.

pip install "setuptools<81" torch torch-hd==5.8.* prototorch==0.7.* prototorch-models==0.7.* safetensors
python record_torch.py
"""

import warnings
from pathlib import Path

import numpy as np

warnings.simplefilter("ignore")

import prototorch as pt  # noqa: E402
import torch  # noqa: E402
import torchhd  # noqa: E402
from prototorch.models import CELVQ, GLVQ, GMLVQ, GRLVQ, LGMLVQ, SiameseGLVQ  # noqa: E402
from safetensors.torch import save_file  # noqa: E402
from sklearn.datasets import load_iris  # noqa: E402

HERE = Path(__file__).parent
X, y = load_iris(return_X_y=True)
X, y = torch.tensor(np.rint(X * 10), dtype=torch.float32), torch.tensor(y)
QUERIES = torch.tensor(np.random.default_rng(0).integers(0, 80, (150, 4)), dtype=torch.float32)
torch.manual_seed(0)
answers = {"queries": QUERIES.numpy()}
for kind in (GLVQ, GRLVQ, GMLVQ, CELVQ, LGMLVQ, SiameseGLVQ):
    network = {"backbone": torch.nn.Linear(4, 4)} if kind is SiameseGLVQ else {}
    model = kind(
        {"distribution": (3, 2), "input_dim": 4, "latent_dim": 3},
        prototypes_initializer=pt.initializers.SMCI((X, y), noise=0.1),
        **network,
    )
    with torch.no_grad():
        if hasattr(model, "_relevances"):
            model._relevances.copy_(torch.tensor([0.5, 1.5, -1.0, 0.25]))
        if hasattr(model, "_omega"):
            model._omega.copy_(torch.randn(model._omega.shape))
    save_file(
        {k: v.contiguous() for k, v in model.state_dict().items()}, HERE / f"prototorch_{kind.__name__}.safetensors"
    )
    if kind is not LGMLVQ:
        answers[kind.__name__] = model.predict(QUERIES).numpy()
np.savez_compressed(HERE / "prototorch_answers.npz", **answers)

centroid = torchhd.models.Centroid(255, 4)
samples = torchhd.random(40, 255)
centroid.add(samples, torch.arange(40) % 4)
raw = centroid.weight.detach().clone()
centroid.weight.data = torchhd.hard_quantize(centroid.weight.data)
queries = torchhd.random(100, 255)
np.savez_compressed(
    HERE / "torchhd_Centroid.npz",
    raw=raw.numpy(),
    weight=centroid.weight.detach().numpy(),
    queries=queries.numpy().astype(np.int8),
    cosine=centroid(queries).detach().numpy(),
    dot=centroid(queries, dot=True).detach().numpy(),
)
