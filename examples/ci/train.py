"""Trains the model that the workflow turns into hardware, with scikit-learn and skops; put your own in its place."""

import csv
from pathlib import Path

import skops.io
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.neighbors import NearestCentroid
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

data = load_wine()
X_train, X_test, y_train, y_test = train_test_split(
    data.data, data.target_names[data.target], test_size=0.3, random_state=0, stratify=data.target
)
model = make_pipeline(StandardScaler(), NearestCentroid()).fit(X_train, y_train)
skops.io.dump(model, "model.skops")
for file, X, y in (("train.csv", X_train, y_train), ("test.csv", X_test, y_test)):
    with Path(file).open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow([*data.feature_names, "label"])
        writer.writerows([*x, label] for x, label in zip(X.tolist(), y, strict=True))
print(f"accuracy on {len(X_test)} vectors held out: {100 * model.score(X_test, y_test):.1f} %")
