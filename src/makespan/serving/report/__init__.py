"""Self-contained pages about serving: a load under policies, and a real run with its simulation."""

from makespan.serving.report.likeness import likeness_html as likeness_html
from makespan.serving.report.page import serving_html as serving_html
