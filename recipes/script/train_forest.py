"""A random forest on scikit-learn's digits. Nothing in here knows of hpo."""
import sys

from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import classification_report
from sklearn.model_selection import train_test_split

trees, depth = map(int, sys.argv[1:])
points, labels = load_digits(return_X_y=True)
points, test_points, labels, test_labels = train_test_split(points, labels, test_size=0.3, random_state=0)
forest = RandomForestClassifier(trees, max_depth=depth, random_state=0).fit(points, labels)
report = classification_report(test_labels, forest.predict(test_points), digits=4, zero_division=0)
print(report)
with open("report.txt", "w") as file:
    file.write(report)
