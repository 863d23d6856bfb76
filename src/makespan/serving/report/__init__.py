"""A page that shows what serving a load came to, in one file that works offline."""

from makespan.serving.report.page import serving_html as serving_html
