"""Words of free texts: those of the trade, which name nobody, and given names, which do.

Lower case. How they are used belongs in `privacy_texts`, names of fields in `privacy_lists`. A
given name that is also a word of the trade (Max, Sag, Art, Mark) is not among the names.
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


PROCESSING = _words(
    """
    and atlas average averaged based bbr bet bias biasfield brain brainmask by cat clean
    cleaned color colour coregistered corrected correction correlation crop cropped csf data
    deface defaced deformed denoised derived dilated dti dwi eddy epi eroded extracted field
    fieldmap filled filter filtered final flirt float fmri fnirt from functional gm gray
    grey gz head header image images in input intensity inverse ita itk label labels linear
    log lut map mapped mask masked matlab mean median mni motion mr mri native nifti nii
    nonlinear norm normalised normalization normalized nu of on orig original out output pet
    pial preproc preprocessed probability processed pve raw realigned reference reg
    registered resampled resliced rigid robust scan sd seg segmentation segmented series
    single slice smoothed smoothing space spatially stack standard std stripped structural
    subsampled sum surface synthseg t1 t2 template test the thresholded tissue to topup
    transformed unbiased unwarped volume volumes voxel warp warped white with without wm
    """
)
"""What programs say of their work in lower case behind their names."""

TRADE = PROCESSING | _words(
    """
    abdomen acc accel achieva acquisition adc add adni advance afni after agilent all
    amygdala anat anatomical anatomy angio angiography anonymized anonymous ants ap apm
    arterial asl ax axi axial axiale axt background baseline before biograph blade block
    body bodycoil bold both bravo bruker caipi calibration canon cap cbf cbv cerebral
    cerebrum cervical chemical circle ciss clear clinical closed cmrr coil coilhead coils
    collapse combined contrast control cor coronal cortex cortical crane cranial cranium cs
    cube cut d dark day default deidentified delta demo depressed depression derivation
    derived designed destress detection diff diffusion discovery dixon dream dual dwi echo
    echoes eco ect edge electroconvulsive elition emotion emotional ep epi2d epse eswan ext
    extended eyes fa faces fast fat fatsat fb ffe fgre field first fixation fl fl2d fl3d fla
    flair flash flip float follow followup fov free frequency fs fsat fse fspgr full gain
    gated ge gehc gems general gr gradient gradunwarp grappa gre group gyrus half hardi harp
    hcp head headneck healthcare healthineers healthy hi high hippocampus hires hitachi hr
    hrt hyper hyperband i ii iii imaging ingenia ingenius inline inv inversion ir iso
    isotropic isotropy km knee kontrast kopf koronar lab large lat lateral lcr left loc
    localiser localizer long longitudinal low lr lumbar mag magn magnetom magnitude max me
    mean medic medical medium mem memory memprage min mini mip mit mm moco mode modified
    mosaic movie mp mp2rage mpage mpr mprage mra mrs ms mt mtc mti mtr multi multiband
    multiecho mx nativ native nav navigated nback nd neck neuro neuroradiology new no noise
    none nonsel nonselective norm normal normalize oblique off ohne old open optimized or
    orbit orig original os other pa pace parallel part pasl pat patient pc pca pcasl pd perf
    perfusion ph phantom phase philips phys physio pilot plane plus pns position positive
    post pre premier presat prescan primary prime prisma propeller protocol proton pulse
    pure qsm quer quick quiet ramp range rapid rec recon reconstruction redacted ref
    reference relaxation removed rep reproducible research resolve rest resting reverse
    right rl rot routine run sag sagittal sat schädel scout se sec second secondary
    segmented sense sequence series ses session setter shift shim short shorttr siemens
    signa silent simulated single sinus skyra slab small smap sms space spc special spectro
    spectroscopy spgr spin spine spiral spoil spoiled stack standard state static steady
    stimulation stir stroop study sub subcortical survey susceptibility sw swan swi sws sync
    syngo systems t t1mpr t1mprage t1t2 t1w t2w ta task te tensor terra test tf tfe tfl
    thalamus therapy thin third thrive ti tilt time tir tirm tof toshiba total tr tra trace
    trans transverse treatment trio triotim true trufi tse tt turbo twist uih ultra unaccel
    uni uniden united unity unknown up upgrade us user v var varian vendor venous verio
    version vessel vibe vida view visit vista vol volunteer vs wand water wave week weighted
    wfs whole wip x y year years z zoom zte
    """
)
"""What scanners, protocols and programs write."""

GIVEN_NAMES = _words(
    """
    aaron abdullah abigail achim adele adrian agnes agnieszka ahmad ahmed aisha alan albert
    alejandra alejandro alessandro alex alexander alexandra alfred ali alice alina alison
    alois amanda amelia amir amy ana anastasia andrea andreas andrew andrzej angela angelika
    anita anja anke ann anna anne annette anthony anton antonia antonio arthur astrid audrey
    barbara beate beatrice benjamin bernard bernd bernhard bettina betty birgit bjorn bob
    boris brandon brenda brian brigitte bruce bruno camille carl carla carlos carmen carol
    caroline carolyn catherine cecilia charles charlotte chloe christa christian christiane
    christina christine christoph christopher claire clara claudia claus cynthia daniel
    daniela danielle david deborah denis denise dennis detlef diana diane dieter dietmar
    dietrich dimitri dirk dmitry dominik donald donna doris dorothea douglas eberhard edith
    eduard eduardo edward egon eileen elena eleonore elfriede elias elisabeth elizabeth elke
    ella ellen elsa emil emilia emily emma enrique eric erich erik erika erna ernst esther
    ethan eugen eva evelyn fatima felix ferdinand fernando francesca francesco francis
    francisco francois franz fredrik friedrich fritz gabriel gabriela gabriele gary georg
    george gerald gerd gerda gerhard gertrud gianni giovanni gisela gloria gregory greta
    gudrun guido guillaume gunter gustav günter hanna hannah hannelore hans harald harold
    harry hassan heather hedwig heidi heike heiko heiner heinrich heinz helen helena helene
    helga helmut henri henrik henry herbert herman hermann hilde hildegard hiroshi holger
    horst howard hubert hugo ibrahim ilse inge ingeborg ingo ingrid irene irina irma isabel
    isabella ivan jack jacob jacqueline jacques jakob james jan jana jane janet janice jason
    javier jean jeanne jeffrey jennifer jens jeremy jerome jerry jesse jessica jesus jim jo
    joachim joan joanna joe joel johan johann johanna johannes john johnny jonas jonathan
    jorge jose josef josefine joseph joshua juan juana judith judy julia julian juliane
    julie jurgen justin jürgen karen karin karl karla karsten katarzyna kate katharina
    katherine kathleen kathrin kathryn katja kazuko keith kelly kenneth kevin kimberly klara
    klaus konrad krystyna krzysztof kurt kyle larissa larry laura lauren lea lena leo leon
    leonard leonardo leonie leopold liam lilly linda lisa logan lothar louis louise luca
    lucas lucia lucy ludwig luigi luis luisa lukas lydia madison magdalena malgorzata
    manfred manuel manuela marc marcel marco marcus margaret margarete margarita margot
    maria marianne marie marilyn mario marion mariusz markus marlene marta martha martin
    martina marvin mary maryam mathias matilda matteo matthew matthias maurice maximilian
    megan mehmet melanie melissa mia michael michaela michel michelle miguel mikhail mohamed
    mohammad mohammed monica monika muhammad mustafa nadine nadja nancy natalia natalie
    natasha nathan nicholas nicolas nicole nikolai nils nina noah nora norbert olaf oleg
    olga oliver olivia omar oscar oskar otto pablo pamela patricia patrick paul paula
    pauline pedro peggy peter petra philip philipp philippe pierre piotr rachel rafael
    rainer ralf ralph ramona raphael raymond rebecca reinhard reinhold renate rene ricardo
    richard rita robert roberto rodrigo roger roland rolf ronald rosa rosemarie rosemary
    roswitha rudi rudolf ruth ryan sabine sabrina salvatore samantha samuel sandra sara
    sarah scott sebastian sergei sergey sergio sharon shirley siegfried sigrid silke silvia
    simon simone sofia sonja sophia sophie stanislaw stefan stefanie stephan stephanie
    stephen steven susan susanne sven svetlana sylvia takeshi tamara tanja tatiana teresa
    theo theodor theresa thomas thorsten tiffany tim timothy tobias todd tom tomasz torsten
    tyler ulrich ulrike ursula ute uwe valentin valentina vanessa vera veronika victor
    victoria viktor vincent virginia vladimir volker walter waltraud wanda wei werner
    wilhelm willi william wolfgang xavier yasmin yolanda yuki yusuf yvonne zachary
    """
)
"""Common given names of several languages: enough to tell a name from a word of the trade."""
