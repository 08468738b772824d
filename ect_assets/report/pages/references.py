"""Published work that a page cites, each with its DOI where it has one.

A page lists what its sentences cite and nothing else. What is said about a work belongs in the
texts.
"""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup


@dataclass(frozen=True)
class Reference:
    """One published work: how it is cited, and where it is found."""

    cited: str
    listed: str
    doi: str = ""


WORKS = {
    "liu2025": Reference(
        "Liu et al. 2025",
        "Liu X, Niu J, Liao W, Du L (2025). Alterations in gray matter volume and associated "
        "transcriptomics after electroconvulsive therapy in major depressive disorder. "
        "Psychological Medicine 55, e118.",
        "10.1017/S0033291725000868",
    ),
    "fischl2012": Reference(
        "Fischl 2012",
        "Fischl B (2012). FreeSurfer. NeuroImage 62:774-781.",
        "10.1016/j.neuroimage.2012.01.021",
    ),
    "winkler2018": Reference(
        "Winkler et al. 2018",
        "Winkler AM et al. (2018). Joint analysis of cortical area and thickness as a replacement "
        "for the analysis of the volume of the cerebral cortex. Cerebral Cortex 28:738-749.",
        "10.1093/cercor/bhx308",
    ),
    "reuter2012": Reference(
        "Reuter et al. 2012",
        "Reuter M, Schmansky NJ, Rosas HD, Fischl B (2012). Within-subject template estimation "
        "for unbiased longitudinal image analysis. NeuroImage 61:1402-1418.",
        "10.1016/j.neuroimage.2012.02.084",
    ),
    "tustison2010": Reference(
        "Tustison et al. 2010",
        "Tustison NJ et al. (2010). N4ITK: improved N3 bias correction. IEEE Transactions on "
        "Medical Imaging 29:1310-1320.",
        "10.1109/TMI.2010.2046908",
    ),
    "avants2011": Reference(
        "Avants et al. 2011",
        "Avants BB et al. (2011). A reproducible evaluation of ANTs similarity metric performance "
        "in brain image registration. NeuroImage 54:2033-2044.",
        "10.1016/j.neuroimage.2010.09.025",
    ),
    "glasser2016": Reference(
        "Glasser et al. 2016",
        "Glasser MF et al. (2016). A multi-modal parcellation of human cerebral cortex. Nature "
        "536:171-178.",
        "10.1038/nature18933",
    ),
    "desikan2006": Reference(
        "Desikan et al. 2006",
        "Desikan RS et al. (2006). An automated labeling system for subdividing the human "
        "cerebral cortex on MRI scans into gyral based regions of interest. NeuroImage "
        "31:968-980.",
        "10.1016/j.neuroimage.2006.01.021",
    ),
    "iglewicz1993": Reference(
        "Iglewicz and Hoaglin 1993",
        "Iglewicz B, Hoaglin DC (1993). How to detect and handle outliers. ASQC Quality Press.",
    ),
    "benjamini1995": Reference(
        "Benjamini and Hochberg 1995",
        "Benjamini Y, Hochberg Y (1995). Controlling the false discovery rate: a practical and "
        "powerful approach to multiple testing. Journal of the Royal Statistical Society B "
        "57:289-300.",
        "10.1111/j.2517-6161.1995.tb02031.x",
    ),
    "laird1982": Reference(
        "Laird and Ware 1982",
        "Laird NM, Ware JH (1982). Random-effects models for longitudinal data. Biometrics "
        "38:963-974.",
        "10.2307/2529876",
    ),
    "lakens2013": Reference(
        "Lakens 2013",
        "Lakens D (2013). Calculating and reporting effect sizes to facilitate cumulative "
        "science: a practical primer for t-tests and ANOVAs. Frontiers in Psychology 4:863.",
        "10.3389/fpsyg.2013.00863",
    ),
    "mcintosh2004": Reference(
        "McIntosh and Lobaugh 2004",
        "McIntosh AR, Lobaugh NJ (2004). Partial least squares analysis of neuroimaging data: "
        "applications and advances. NeuroImage 23:S250-S263.",
        "10.1016/j.neuroimage.2004.07.020",
    ),
    "krishnan2011": Reference(
        "Krishnan et al. 2011",
        "Krishnan A, Williams LJ, McIntosh AR, Abdi H (2011). Partial Least Squares (PLS) methods "
        "for neuroimaging: a tutorial and review. NeuroImage 56:455-475.",
        "10.1016/j.neuroimage.2010.07.034",
    ),
    "phipson2010": Reference(
        "Phipson and Smyth 2010",
        "Phipson B, Smyth GK (2010). Permutation p-values should never be zero: calculating exact "
        "p-values when permutations are randomly drawn. Statistical Applications in Genetics and "
        "Molecular Biology 9:39.",
        "10.2202/1544-6115.1585",
    ),
    "hawrylycz2012": Reference(
        "Hawrylycz et al. 2012",
        "Hawrylycz MJ et al. (2012). An anatomically comprehensive atlas of the adult human brain "
        "transcriptome. Nature 489:391-399.",
        "10.1038/nature11405",
    ),
    "arnatkeviciute2019": Reference(
        "Arnatkeviciute et al. 2019",
        "Arnatkeviciute A, Fulcher BD, Fornito A (2019). A practical guide to linking brain-wide "
        "gene expression and neuroimaging data. NeuroImage 189:353-367.",
        "10.1016/j.neuroimage.2019.01.011",
    ),
    "markello2021": Reference(
        "Markello et al. 2021",
        "Markello RD et al. (2021). Standardizing workflows in imaging transcriptomics with the "
        "abagen toolbox. eLife 10:e72129.",
        "10.7554/eLife.72129",
    ),
    "giacomel2022": Reference(
        "Giacomel et al. 2022",
        "Giacomel A et al. (2022). Integrating neuroimaging and gene expression data using the "
        "imaging transcriptomics toolbox. STAR Protocols 3:101315.",
        "10.1016/j.xpro.2022.101315",
    ),
    "hoskuldsson1988": Reference(
        "Höskuldsson 1988",
        "Höskuldsson A (1988). PLS regression methods. Journal of Chemometrics 2:211-228.",
        "10.1002/cem.1180020306",
    ),
    "whitaker2016": Reference(
        "Whitaker, Vértes et al. 2016",
        "Whitaker KJ, Vértes PE et al. (2016). Adolescence is associated with genomically "
        "patterned consolidation of the hubs of the human brain connectome. PNAS 113:9105-9110.",
        "10.1073/pnas.1601745113",
    ),
    "alexanderbloch2018": Reference(
        "Alexander-Bloch et al. 2018",
        "Alexander-Bloch AF et al. (2018). On testing for spatial correspondence between maps of "
        "human brain structure and function. NeuroImage 178:540-551.",
        "10.1016/j.neuroimage.2018.05.070",
    ),
    "vasa2018": Reference(
        "Váša et al. 2018",
        "Váša F et al. (2018). Adolescent tuning of association cortex in human structural brain "
        "networks. Cerebral Cortex 28:281-294.",
        "10.1093/cercor/bhx249",
    ),
    "wagner2015": Reference(
        "Wagner and Dray 2015",
        "Wagner HH, Dray S (2015). Generating spatially constrained null models for irregularly "
        "spaced data using Moran spectral randomization methods. Methods in Ecology and Evolution "
        "6:1169-1178.",
        "10.1111/2041-210X.12407",
    ),
    "vosdewael2020": Reference(
        "Vos de Wael et al. 2020",
        "Vos de Wael R et al. (2020). BrainSpace: a toolbox for the analysis of macroscale "
        "gradients in neuroimaging and connectomics datasets. Communications Biology 3:103.",
        "10.1038/s42003-020-0794-7",
    ),
    "burt2020": Reference(
        "Burt et al. 2020",
        "Burt JB, Helmer M, Shinn M, Anticevic A, Murray JD (2020). Generative modeling of brain "
        "maps with spatial autocorrelation. NeuroImage 220:117038.",
        "10.1016/j.neuroimage.2020.117038",
    ),
    "markello_misic2021": Reference(
        "Markello and Misic 2021",
        "Markello RD, Misic B (2021). Comparing spatial null models for brain maps. NeuroImage "
        "236:118052.",
        "10.1016/j.neuroimage.2021.118052",
    ),
    "clopper1934": Reference(
        "Clopper and Pearson 1934",
        "Clopper CJ, Pearson ES (1934). The use of confidence or fiducial limits illustrated in "
        "the case of the binomial. Biometrika 26:404-413.",
        "10.1093/biomet/26.4.404",
    ),
    "ashburner2000": Reference(
        "Ashburner et al. 2000",
        "Ashburner M et al. (2000). Gene Ontology: tool for the unification of biology. Nature "
        "Genetics 25:25-29.",
        "10.1038/75556",
    ),
    "go2023": Reference(
        "The Gene Ontology Consortium 2023",
        "The Gene Ontology Consortium (2023). The Gene Ontology knowledgebase in 2023. Genetics "
        "224:iyad031.",
        "10.1093/genetics/iyad031",
    ),
    "zhou2019": Reference(
        "Zhou et al. 2019",
        "Zhou Y et al. (2019). Metascape provides a biologist-oriented resource for the analysis "
        "of systems-level datasets. Nature Communications 10:1523.",
        "10.1038/s41467-019-09234-6",
    ),
    "subramanian2005": Reference(
        "Subramanian et al. 2005",
        "Subramanian A et al. (2005). Gene set enrichment analysis: a knowledge-based approach "
        "for interpreting genome-wide expression profiles. PNAS 102:15545-15550.",
        "10.1073/pnas.0506580102",
    ),
    "seidlitz2020": Reference(
        "Seidlitz et al. 2020",
        "Seidlitz J et al. (2020). Transcriptomic and cellular decoding of regional brain "
        "vulnerability to neurogenetic disorders. Nature Communications 11:3358.",
        "10.1038/s41467-020-17051-5",
    ),
    "fulcher2021": Reference(
        "Fulcher et al. 2021",
        "Fulcher BD, Arnatkeviciute A, Fornito A (2021). Overcoming false-positive gene-category "
        "enrichment in the analysis of spatially resolved transcriptomic brain atlas data. Nature "
        "Communications 12:2669.",
        "10.1038/s41467-021-22862-1",
    ),
    "simes1986": Reference(
        "Simes 1986",
        "Simes RJ (1986). An improved Bonferroni procedure for multiple tests of significance. "
        "Biometrika 73:751-754.",
        "10.1093/biomet/73.3.751",
    ),
    "winkler2014": Reference(
        "Winkler et al. 2014",
        "Winkler AM, Ridgway GR, Webster MA, Smith SM, Nichols TE (2014). Permutation inference "
        "for the general linear model. NeuroImage 92:381-397.",
        "10.1016/j.neuroimage.2014.01.060",
    ),
    "cohen1988": Reference(
        "Cohen 1988",
        "Cohen J (1988). Statistical Power Analysis for the Behavioral Sciences, 2nd ed. Erlbaum.",
    ),
}


class Citations:
    """What one page cites."""

    def __init__(self) -> None:
        self._cited: set[str] = set()

    def cite(self, *names: str) -> Markup:
        """Cite one or more works in brackets.

        Parameters
        ----------
        *names : str
            Keys of `WORKS`.

        Returns
        -------
        Markup
            Links to the list of references.
        """
        return Markup("({})").format(Markup("; ").join(map(self.name, names)))

    def name(self, work: str) -> Markup:
        """Cite one work as a part of the sentence.

        Parameters
        ----------
        work : str
            A key of `WORKS`.

        Returns
        -------
        Markup
            A link to the list of references.
        """
        self._cited.add(work)
        return Markup('<a href="#ref-{}">{}</a>').format(work, WORKS[work].cited)

    @property
    def listed(self) -> list[tuple[str, Reference]]:
        """What was cited, with its key, by author."""
        return sorted(
            ((name, WORKS[name]) for name in self._cited), key=lambda one: one[1].listed.lower()
        )
