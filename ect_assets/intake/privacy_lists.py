"""The lists behind the privacy screen: names of fields, in lower case.

How they are used belongs in `privacy_words`.

Sidecar keys are those of BIDS and of dcm2niix that describe scanner, coil, sequence, geometry and
reconstruction. Whom or where or on which day is not among them, although BIDS knows such keys.
"""

from __future__ import annotations


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


ALLOWED_KEYS = _names(
    """
    accelnumreffreqs accelnumreflines acquisitionduration acquisitionmatrix
    acquisitionmatrixpe acquisitionnumber acquisitiontime acquisitionvoxelsize angulation
    anatomicallandmarkcoordinates anatomicallandmarkcoordinatesystem
    arterialspinlabelingtype aslrmode atlas b0fieldidentifier b0fieldsource b0shimming
    backgroundsuppression bandwidthperpixelphaseencode baseresolution basetuning
    beatrejectionflag bidsversion bodypart bodypartexamined cardiacnumberofimages
    chemicalshift coilcombinationmethod coilconfiguration coilstring columns
    complexcomponent consistencyinfo contrastbolusingredient conversionsoftware
    conversionsoftwareversion convolutionkernel deidentificationmethod
    deidentificationmethodcodesequence deidentified delayaftertrigger delaytime
    derivedvendorreportedechospacing description diffusionscheme dimensions dwelltime
    echonumber echotime echotime1 echotime2 echotrainlength effectiveechospacing
    estimatedeffectiveechospacing estimatedtotalreadouttime fieldofview flipangle
    gradientechotraindata gradientmode gradientsettype gradunwarp imagecomplexitydescription
    imageorientationpatient imageorientationpatientdicom imageorientationtext
    imagepositionpatient imagetype imagetypetext imagingfrequency imagednucleus
    indirectsource inplanephaseencodingdirectiondicom instructions intendedfor interpolation
    internalpulsesequencename inversiontime iopamp islandmarksofphantom license longname
    magneticfieldstrength manualtraining manufacturer manufacturermodelname
    manufacturersmodelname matrixcoilmode maxmovement mixingtime modality mracquisitiontype
    mrtransmitcoilsequence mtofffrequency mtpulsebandwidth mtpulseduration mtpulseshape
    mtstate multibandaccelerationfactor negativecontrast nominaldwelltime
    nonlineargradientcorrection numberofaverages numberoftemporalpositions
    numberofvolumesdiscardedbyscanner numberofvolumesdiscardedbyuser numberofslices
    numbershots parallelacquisition parallelacquisitiontechnique
    parallelreductionfactorinplane parallelreductionfactoroutofplane
    parallelreductionfactoroutplane parallelreductionout partialfourier
    partialfourierdirection partialfourierenabled patientposition percentphasefov
    percentsampling phaseencodingaxis phaseencodingdirection phaseencodingpolaritygeverbose
    phaseencodingsteps phaseencodingstepsnoparitialfourier phaseencodingstepsoutofplane
    phaseoversampling phaseresolution philipsrescaleintercept philipsrescaleslope
    philipsrwvintercept philipsrwvslope philipsscaleslope pixelbandwidth pixelspacing
    postlabelingdelay powerduration preampgain prescannormalize procedurestepdescription
    protocolname pulsesequencedetails pulsesequencename pulsesequencetype rawimage
    rawsources receivecoilactiveelements receivecoilname reconmatrixpe reconfilterpasses
    reconmethodname reconstructiondiameter reflinespe repetitiontime
    repetitiontimeexcitation repetitiontimeinversion repetitiontimepreparation rows sar
    saturationpulse scanningsequence scanoptions scantime sequencename sequencevariant
    seriesdescription seriesnumber shimmethod shimsetting simulated skullstripped
    sliceencodingdirection slicelocation slicethickness slicetiming softwareversions sources
    spacingbetweenslices spatialreference specificabsorptionrate spoilinggradientduration
    spoilinggradientmoment spoilingrfphaseincrement spoilingstate spoilingtype
    tablecalposition tableposition taskname term termurl totalreadouttime tracerspokes
    transmitcoilname triggerdelaytime tubecurrent txrefamp type units
    usephilipsfloatnotdisplayscaling variableflipangleflag version waterfatshift wipmemblock
    """
)

IDENTIFYING_KEYS = _names(
    """
    accessionnumber acquisitiondate acquisitiondatetime contentdate contentdatetime
    countryofresidence deviceserialnumber ethnicgroup imagecomments
    institutionaldepartmentname institutionaddress institutionname instancecreationdate
    issuerofpatientid militaryrank nameofphysiciansreadingstudy operatorname operatorsname
    otherpatientids otherpatientnames patientaddress patientbirthdate patientbirthname
    patientbirthtime patientcomments patientid patientinsuranceplancodesequence
    patientmothersbirthname patientname patientreligiouspreference patientsbirthdate
    patientsname patienttelephonenumbers performedprocedurestepstartdate
    performingphysicianname personname physiciansofrecord referringphysicianaddress
    referringphysicianname referringphysiciantelephonenumbers regionofresidence
    requestingphysician responsibleperson seriesdate seriesinstanceuid sopinstanceuid
    stationname studydate studyid studyinstanceuid frameofreferenceuid
    """
)

NOTED_KEYS = _names("patientage patientsex patientsize patientweight")
"""Of a person, but they identify nobody by themselves; participants.tsv is their place."""

IDENTIFYING_WORDS = _names(
    """
    address adresse birthdate birthday birthdates date dates datetime dob email fax forename
    geburtsdatum insurance mrn nachname passport phone physician postcode ssn street surname
    telefon telephone timestamp vorname zip zipcode operator yob birthplace hometown
    nationality birthyear born geboren geburtsjahr geburtsort geburtstag wohnort anschrift
    strasse city town village ort beruf occupation employer employee username relative
    spouse mother father 姓名 出生日期 身份证 身份证号 住院号 电话
    """
)

IDENTIFYING_COMPOUNDS = (
    *("patientname", "patientid", "patientsname", "personname", "fullname", "firstname"),
    *("lastname", "familyname", "givenname", "maidenname", "middlename"),
    *("birthyear", "yearofbirth", "monthofbirth", "placeofbirth", "birthname", "birthplace"),
    *("mothersname", "fathersname", "username", "contactname", "initials"),
    *("birthdate", "dateofbirth", "birthday", "socialsecurity", "phonenumber"),
    *("medicalrecord", "recordnumber", "hospitalnumber", "hospitalid", "casenumber"),
    *("insurancenumber", "instanceuid", "serialnumber", "accessionnumber", "nationalid"),
    *("institutionname", "institutionaddress", "stationname", "emailaddress"),
)

PERSON_WORDS = _names("patient patients subject subjects participant person persons")

PARAMETER_WORDS = _names(
    """
    coil coils sequence protocol series slice echo channel gradient shim filter pulse method
    model software acquisition recon reconstruction algorithm parameter image mode kernel
    table contrast
    """
)
"""With one of these a name or an id is that of a thing."""

ALLOWED_COLUMNS = _names(
    """
    participant_id subject session session_id filename age age_years sex gender group
    handedness site species strain education education_years onset_age_years episode_months
    operation scanner manufacturer
    """
)

TYPED_KEYS = _names(
    """
    seriesdescription protocolname procedurestepdescription description instructions
    taskname longname manufacturer bodypart bodypartexamined studydescription
    requestedproceduredescription performedprocedurestepdescription
    """
)
"""Allowed keys whose texts people type at the scanner: only words of the trade are expected."""

AGE_WORDS = _names("age ages alter edad leeftijd")
AGE_COMPOUNDS = (
    *("ageat", "ageof", "ageon", "ageyears", "ageinyears", "agemonths", "agescan"),
    *("patientage", "subjectage", "scanage", "onsetage", "participantage", "currentage"),
)

FREE_TEXT_WORDS = _names(
    """
    note notes comment comments remark remarks memo freetext free_text text narrative
    anamnesis bemerkung bemerkungen kommentar kommentare notiz notizen anmerkung anmerkungen
    history report description details impression findings observation observations reason
    other specify
    """
)
"""A column with one of these in its name is for sentences, whatever stands in it."""
